"""What has come over a link: blocks given back where it came from, a request that can decode where it went."""

from sims.engine.agenda import schedule
from sims.engine.cache import release
from sims.engine.compiled import compiled
from sims.engine.inbox import approach
from sims.engine.memory import engine, flight, transfer
from sims.engine.records import CARRIED, World
from sims.engine.stepping import next_time, sync
from sims.engine.transfers import bring_up, share, take_out

BYTE = 1.0
"""Less than this is nothing left."""


@compiled
def deliver(w: World) -> None:
    """End every transfer that has nothing left by now."""
    bring_up(w, w.now)
    i = 0
    while i < w.transfers:
        t = transfer(w, i)
        if t.left > BYTE and w.now + t.left / t.rate > w.now:
            i += 1
            continue
        source = t.source
        index = take_out(w, i)
        give_up_blocks(w, source, index)
        join_queue(w, index)
    share(w)


@compiled
def give_up_blocks(w: World, row: int, index: int) -> None:
    """Give the blocks of a request back to the replica that computed it, which may now admit others."""
    e = engine(w, row)
    w.stamp = w.now + w.kv_staleness_s
    sync(w, e, w.now)
    release(w, e, flight(w, index))
    if e.stalled:
        e.stalled, e.start = 0, w.now
    elif e.flying and e.waiting > 0:
        e.steps = 1
    schedule(w, row, next_time(w, e))


@compiled
def join_queue(w: World, index: int) -> None:
    """Let a request reach its decode replica once the transfer is acknowledged."""
    f = flight(w, index)
    e = engine(w, f.row)
    f.carried, f.computed = CARRIED, f.target
    f.due = w.now + e.transfer_base_s
    approach(w, index)
