"""KV on its way from the replica that computed a prompt to the one that decodes: links are shared fairly."""

from math import inf

from policies.fleet import CONTEXT_TOKENS, DECODE, KEY, KV_TOKENS, KV_USED, MODEL, READY, ROLE, RUNNING, WIDTH
from policies.request import mix31
from sims.engine.agenda import schedule
from sims.engine.compiled import compiled
from sims.engine.memory import engine, flight, floats, outcome, transfer
from sims.engine.records import NONE, Engine, Flight, World
from sims.engine.seconds import step
from sims.engine.view import moved


@compiled
def tpot_on(w: World, f: Flight, row: int) -> float:
    """Predicted seconds a token of a request on a replica, as the router sees it; inf where it may not go there."""
    table, at, e = floats(w.table_), row * WIDTH, engine(w, row)
    if table[at + READY] == 0.0 or table[at + MODEL] != f.model or table[at + ROLE] != DECODE:
        return inf
    if -(-(f.prompt + f.output - 1) // e.block) + 1 > e.capacity:
        return inf
    batch, context = table[at + RUNNING] + 1.0, table[at + CONTEXT_TOKENS] + f.context
    over = max(table[at + KV_USED] + f.context - table[at + KV_TOKENS], 0.0) / table[at + KV_TOKENS]
    # Beyond its memory it waits for a share of an answer's length, as in `policies.predict.admission_wait`.
    return float(step(e, batch, context, 0.0, 0.0) * (1.0 + over))


@compiled
def decoder(w: World, f: Flight) -> int:
    """The decode replica with the least predicted seconds a token, ties by hash; NONE where there is none."""
    best, least, draw, coin = NONE, inf, 0, f.index + 1
    for row in range(w.replicas):
        tpot_s = tpot_on(w, f, row)
        if tpot_s > least or tpot_s == inf:
            continue
        mine = mix31(int(floats(w.table_)[row * WIDTH + KEY]), coin)
        if tpot_s < least or mine < draw:
            best, least, draw = row, tpot_s, mine
    return best


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
