"""From block to slot: one replica's table, open addressing, a removed entry's followers moved up."""

from sims.engine.compiled import compiled
from sims.engine.memory import block, integers
from sims.engine.records import NONE, Engine, Shelf


@compiled
def home(e: Engine | Shelf, number: int) -> int:
    """The place where a block's entry belongs."""
    return ((number * 0x9E3779B1) & 0xFFFFFFFF) >> e.shift


@compiled
def place_of(e: Engine | Shelf, number: int) -> int:
    """The place of a block's entry, or -1 - the place where it may be entered."""
    table, mask = integers(e.table_), (1 << (32 - e.shift)) - 1
    place = home(e, number)
    while table[place] != 0:
        if (table[place] >> 32) - 1 == number:
            return place
        place = (place + 1) & mask
    return -1 - place


@compiled
def slot_of(e: Engine | Shelf, number: int, remembered: int) -> int:
    """The slot of a cached block, or NONE; looked up only where the remembered slot is no longer its own."""
    if remembered < e.slots and block(e, remembered).key == number + 1:
        return remembered
    place = place_of(e, number)
    return NONE if place < 0 else int(integers(e.table_)[place] & 0xFFFFFFFF)


@compiled
def enter(e: Engine | Shelf, number: int, place: int) -> int:
    """Give a block a slot, its entry to stand at a free place; returns the slot."""
    slot = e.spare
    if slot == NONE:
        slot = e.slots
        e.slots += 1
    else:
        e.spare = block(e, slot).after
    block(e, slot).key = number + 1
    integers(e.table_)[place] = ((number + 1) << 32) | slot
    return slot


@compiled
def leave(e: Engine | Shelf, slot: int) -> int:
    """Take the block in a slot out and return its number."""
    table, mask = integers(e.table_), (1 << (32 - e.shift)) - 1
    gone = block(e, slot)
    number = gone.key - 1
    gone.key, gone.after = 0, e.spare
    e.spare = slot
    hole = place_of(e, number)
    place = (hole + 1) & mask
    while table[place] != 0:
        if (place - home(e, (table[place] >> 32) - 1)) & mask >= (place - hole) & mask:
            table[hole] = table[place]
            hole = place
        place = (place + 1) & mask
    table[hole] = 0
    return int(number)
