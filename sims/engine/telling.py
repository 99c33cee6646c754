"""What a replica tells of its cache: events, a batch a step, some of which never arrive."""

from policies.fleet import KEY, WIDTH
from policies.request import mix31
from sims.engine.compiled import compiled
from sims.engine.knowledge import UNKNOWN
from sims.engine.memory import engine, event, floats, missed
from sims.engine.records import NONE, Engine, World

IGNORED, REPLAYED, FORGOTTEN = range(3)
"""What a router does about a gap, the places of `sims.engine.conditions.GAPS`."""

WHOLE = float(1 << 31)


@compiled
def tell(w: World, row: int, number: int, tier: int, stored: int) -> None:
    """A replica came to hold a block in a tier, or lost it; of answers, for which nobody asks, nothing is told."""
    if w.telling == 0 or number >= w.distinct:
        return
    if w.event_loss > 0.0 and is_lost(w, engine(w, row)):
        if w.event_gaps == REPLAYED:
            keep(w, engine(w, row), number, tier, stored)
        return
    send(w, row, number, tier, stored)


@compiled
def send(w: World, row: int, number: int, tier: int, stored: int) -> None:
    """Put an event on its way to the router."""
    said = event(w, w.ring_last & w.ring_mask)
    said.at, said.block, said.row, said.tier, said.stored = w.stamp, number, row, tier, stored
    w.ring_last += 1


@compiled
def is_lost(w: World, e: Engine) -> bool:
    """Whether the batch to which an event of this moment belongs never arrives."""
    if e.told_at != w.stamp:
        e.told_at = w.stamp
        e.batches += 1
        e.losing = 1 if draw(w, e) < w.event_loss else 0
        if e.losing:
            e.gap = 1
        elif e.gap:
            close_gap(w, e)
    return e.losing == 1


@compiled
def draw(w: World, e: Engine) -> float:
    """A number below 1 by hash of the seed, the replica and the batch."""
    key = int(floats(w.table_)[e.row * WIDTH + KEY])
    return mix31(mix31(key, w.prefix & 0x7FFFFFFF), e.batches) / WHOLE


@compiled
def close_gap(w: World, e: Engine) -> None:
    """The next batch has come, and with it that some are missing: the router asks for them, forgets, or goes on."""
    e.gap = 0
    if w.event_gaps == FORGOTTEN:
        send(w, e.row, 0, 0, UNKNOWN)
    while e.first_missed != NONE:
        index = e.first_missed
        said = missed(w, index)
        send(w, e.row, said.block, said.tier, said.stored)
        e.first_missed = said.next
        drop(w, index)


@compiled
def keep(w: World, e: Engine, number: int, tier: int, stored: int) -> None:
    """Remember an event that was lost, the last of its replica's."""
    index = w.missed_spare
    if index == NONE:
        index = w.missed
        w.missed += 1
    else:
        w.missed_spare = missed(w, index).next
    said = missed(w, index)
    said.block, said.tier, said.stored, said.next = number, tier, stored, NONE
    if e.first_missed == NONE:
        e.first_missed = index
    else:
        missed(w, e.last_missed).next = index
    e.last_missed = index
    w.missing_events += 1


@compiled
def drop(w: World, index: int) -> None:
    """Make the place of a lost event free."""
    missed(w, index).next = w.missed_spare
    w.missed_spare = index
    w.missing_events -= 1


@compiled
def start_anew(w: World, e: Engine) -> None:
    """A replica failed: what of its events was lost is of no more use, and its next batch is its first."""
    e.told_at, e.gap, e.losing = -1.0, 0, 0
    while e.first_missed != NONE:
        index = e.first_missed
        e.first_missed = missed(w, index).next
        drop(w, index)
