"""KV on its way from the replica that computed a prompt to the one that decodes: links are shared fairly."""

from math import inf

from sims.engine.agenda import schedule
from sims.engine.compiled import compiled
from sims.engine.memory import engine, flight, handed, outcome, transfer
from sims.engine.placing import describe
from sims.engine.records import NONE, Engine, Flight, World
from sims.engine.view import moved


@compiled
def decoder(w: World, f: Flight) -> int:
    """Where the router would have it decode, on the fleet as it is now; NONE where nobody can, or can ever hold it."""
    describe(w, f.index)
    row = handed(w.decoder, w.ask_, w.table_, w.replicas, f.row)
    if row >= 0:
        e = engine(w, row)
        if -(-(f.prompt + f.output - 1) // e.block) + 1 <= e.capacity:
            return row
    return NONE


@compiled
def depart(w: World, e: Engine, f: Flight, index: int, now: float) -> bool:
    """Send the KV of a computed prompt to a decode replica; False where there is none and it decodes where it is."""
    row = decoder(w, f)
    if row == NONE:
        return False
    moved(w, f, row)
    bring_up(w, now)
    t = transfer(w, w.transfers)
    t.left, t.flight, t.source = f.kv * e.kv_bytes_per_token, index, e.row
    if not w.relays_first:
        f.emitted -= 1  # what was said here reaches nobody: the prompt's last token is computed again where it decodes
    w.transfers += 1
    outcome(w, f.index).replica = row
    e.sending += 1
    engine(w, row).receiving += 1
    share(w)
    return True


@compiled
def bring_up(w: World, now: float) -> None:
    """Count the bytes that have gone since."""
    for i in range(w.transfers):
        t = transfer(w, i)
        t.left = max(t.left - t.rate * (now - w.moved_at), 0.0)
    w.moved_at = now


@compiled
def share(w: World) -> None:
    """Give every transfer its fair share of the narrower of its two links, and schedule the first end."""
    first = inf
    for i in range(w.transfers):
        t = transfer(w, i)
        source, target = engine(w, t.source), engine(w, flight(w, t.flight).row)
        t.rate = min(source.transfer_bytes_per_s / source.sending, target.transfer_bytes_per_s / target.receiving)
        first = min(first, w.moved_at + t.left / t.rate)
    schedule(w, w.replicas, first)


@compiled
def take_out(w: World, i: int) -> int:
    """Take a transfer out; returns its request."""
    t, last = transfer(w, i), transfer(w, w.transfers - 1)
    index = t.flight
    engine(w, t.source).sending -= 1
    engine(w, flight(w, index).row).receiving -= 1
    t.left, t.rate, t.flight, t.source = last.left, last.rate, last.flight, last.source
    w.transfers -= 1
    return int(index)
