"""Cached blocks in the order of use, as a list through their slots; and shelves, which keep a number of the latest."""

from sims.engine.compiled import compiled
from sims.engine.holders import enter, leave, place_of
from sims.engine.memory import block, integers
from sims.engine.records import NONE, Engine, Shelf


@compiled
def append(e: Engine | Shelf, slot: int) -> None:
    """Make a cached block the last to be evicted."""
    here = block(e, slot)
    here.before, here.after = e.youngest, NONE
    if e.youngest == NONE:
        e.oldest = slot
    else:
        block(e, e.youngest).after = slot
    e.youngest = slot
    e.freed += 1


@compiled
def unlink(e: Engine | Shelf, slot: int) -> None:
    """Take a block out of those that may be evicted."""
    here = block(e, slot)
    if here.before == NONE:
        e.oldest = here.after
    else:
        block(e, here.before).after = here.after
    if here.after == NONE:
        e.youngest = here.before
    else:
        block(e, here.after).before = here.before
    e.freed -= 1


@compiled
def put(shelf: Shelf, number: int) -> int:
    """Make a block the latest of a shelf; returns the one that had to go, or NONE."""
    gone, place = NONE, place_of(shelf, number)
    if place >= 0:
        slot = integers(shelf.table_)[place] & 0xFFFFFFFF
        unlink(shelf, slot)
        append(shelf, slot)
        return gone
    if shelf.freed >= shelf.capacity:
        slot = shelf.oldest
        unlink(shelf, slot)
        gone = leave(shelf, slot)
        place = place_of(shelf, number)
    append(shelf, enter(shelf, number, -1 - place))
    return gone


@compiled
def has(shelf: Shelf, number: int) -> bool:
    """Whether a block is on a shelf."""
    return place_of(shelf, number) >= 0
