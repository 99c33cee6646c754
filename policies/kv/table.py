"""Which replicas hold which block: entries in the order in which blocks came, and a hash table that finds one.

`rows[entry]` is a block hash (0: free) and behind it columns of one bit a replica in words of 64, as a `layout` says:
the blocks in HBM seen since the replica was last aged, those seen before, those in each slower tier. Blocks of a prompt
come one after another, so their entries mostly lie one after another, and whoever walks a prompt finds the next block
behind the last one without asking the table. Free entries are a list through their second word, last freed first: an
engine evicts a prompt's end first, so the next prompt's blocks lie in order again.

`slots` is open addressing: 0 for an empty slot, else the upper half of a hash, which says where its slot is, above
entry + 1. A slot that is freed is closed by those behind it, so nothing is left over from what was removed.
`counts` is four numbers: what was read ahead, live blocks, entries ever used, first free entry + 1.
"""

import numpy as np
import numpy.typing as npt

from policies.compilable import compilable
from policies.kv.blocks import Hashes
from policies.kv.layout import COLUMN, LEVELS, OLD, TIER, WORDS, Layout

Rows = npt.NDArray[np.uint64]
Slots = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
AHEAD = 16
COUNTS = 4
READ, LIVE, USED, FREE = 0, 1, 2, 3
NOWHERE = -2  # the entry before the first one: nothing lies behind it


@compilable
def place(word: np.uint64) -> int:
    """A word as a place in an array."""
    return np.int64(word)  # type: ignore[return-value]  # `int` of an unsigned word is unsigned when compiled


@compilable
def entry_of(slot: np.uint64) -> int:
    """The entry that a slot in use leads to."""
    return place(slot & np.uint64(0xFFFFFFFF)) - 1


@compilable
def slot_for(key: np.uint64, entry: int) -> np.uint64:
    """What a slot says of a block."""
    return (key >> np.uint64(32) << np.uint64(32)) | np.uint64(entry + 1)


@compilable
def home(word: np.uint64, slots: Slots) -> int:
    """Where the slot of a hash, or what a slot says, should be."""
    return place(word >> np.uint64(32) & np.uint64(len(slots) - 1))


@compilable
def find(rows: Rows, slots: Slots, key: np.uint64) -> int:
    """The slot of a key, or -1 - the slot where it may be entered."""
    mask, tag, at = len(slots) - 1, key >> np.uint64(32), home(key, slots)
    while slots[at] != np.uint64(0):
        if slots[at] >> np.uint64(32) == tag and rows[entry_of(slots[at]), 0] == key:
            return at
        at = (at + 1) & mask
    return -1 - at


@compilable
def close(slots: Slots, at: int) -> None:
    """Empty a slot; those behind it that may lie nearer to where they should be move up."""
    mask = len(slots) - 1
    i = (at + 1) & mask
    while slots[i] != np.uint64(0):
        if (i - home(slots[i], slots)) & mask >= (i - at) & mask:
            slots[at], at = slots[i], i
        i = (i + 1) & mask
    slots[at] = np.uint64(0)


@compilable
def touch(rows: Rows, slots: Slots, hashes: Hashes, start: int) -> int:
    """Read the slots of the next AHEAD blocks, then the rows they lead to: no branch waits, so cache misses overlap.

    Whoever calls must write the answer down, or the compiler would leave the reading out.
    """
    read, stop = np.uint64(0), min(start + AHEAD, len(hashes))
    for j in range(start, stop):
        read ^= slots[home(hashes[j], slots)]
    for j in range(start, stop):
        entry = entry_of(slots[home(hashes[j], slots)])
        read ^= rows[max(entry, 0), 0]
    return place(read)


@compilable
def enter(rows: Rows, slots: Slots, counts: Counts, key: np.uint64) -> int:
    """The entry of a block that is new if need be."""
    at = find(rows, slots, key)
    if at >= 0:
        return entry_of(slots[at])
    at = -1 - at
    entry = counts[FREE] - 1
    if entry < 0:
        entry = counts[USED]
        counts[USED] += 1
    else:
        counts[FREE] = place(rows[entry, 1])
        rows[entry, 1] = np.uint64(0)
    counts[LIVE] += 1
    slots[at], rows[entry, 0] = slot_for(key, entry), key
    return entry  # type: ignore[no-any-return]


@compilable
def store(rows: Rows, layout: Layout, slots: Slots, counts: Counts, level: int, row: int, hashes: Hashes) -> int:
    """Enter blocks that one replica holds in one tier; returns how many it did not hold there before."""
    fresh, last, read, column = 0, NOWHERE, 0, layout[COLUMN + level]
    old = layout[OLD] if level == 0 and layout[OLD] > 0 else column
    word, older, bit = column + (row >> 6), old + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    for j in range(len(hashes)):
        last += 1
        if not (0 <= last < len(rows) and rows[last, 0] == hashes[j]):
            if j >= read:
                counts[READ], read = touch(rows, slots, hashes, j), j + AHEAD
            last = enter(rows, slots, counts, hashes[j])
        if (rows[last, word] | rows[last, older]) & bit == np.uint64(0):
            fresh += 1
        rows[last, word] |= bit
    return fresh


@compilable
def bury(rows: Rows, slots: Slots, counts: Counts, entry: int) -> None:
    """Take a block out when nobody holds it any more."""
    for w in range(1, rows.shape[1]):
        if rows[entry, w] != np.uint64(0):
            return
    close(slots, find(rows, slots, rows[entry, 0]))
    rows[entry, 0], rows[entry, 1] = np.uint64(0), np.uint64(counts[FREE])
    counts[FREE] = entry + 1
    counts[LIVE] -= 1


@compilable
def remove(rows: Rows, layout: Layout, slots: Slots, counts: Counts, level: int, row: int, hashes: Hashes) -> None:
    """Take blocks of one replica out of one tier."""
    column = layout[COLUMN + level]
    old = layout[OLD] if level == 0 and layout[OLD] > 0 else column
    word, older, others = column + (row >> 6), old + (row >> 6), ~(np.uint64(1) << np.uint64(row & 63))
    read = 0
    for i in range(len(hashes)):
        j = len(hashes) - 1 - i  # so that what is freed last, and taken first, lies first
        if i >= read:
            counts[READ], read = touch(rows, slots, hashes, max(j - AHEAD + 1, 0)), i + AHEAD
        at = find(rows, slots, hashes[j])
        if at >= 0:
            entry = entry_of(slots[at])
            rows[entry, word] &= others
            rows[entry, older] &= others
            bury(rows, slots, counts, entry)


@compilable
def forget(rows: Rows, layout: Layout, slots: Slots, counts: Counts, row: int) -> None:
    """Take every block of one replica out of every tier."""
    words, bit = layout[WORDS], np.uint64(1) << np.uint64(row & 63)
    for i in range(counts[USED]):
        entry, had = counts[USED] - 1 - i, np.uint64(0)
        if rows[entry, 0] != np.uint64(0):
            for w in range(1 + (row >> 6), rows.shape[1], words):
                had |= rows[entry, w] & bit
                rows[entry, w] &= ~bit
            if had != np.uint64(0):
                bury(rows, slots, counts, entry)


@compilable
def age(rows: Rows, layout: Layout, slots: Slots, counts: Counts, row: int) -> None:
    """Make one replica's recent blocks its old ones and drop those that were old: two-generation LRU, in HBM."""
    word, bit = layout[COLUMN] + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    old = layout[OLD] + (row >> 6)
    for i in range(counts[USED]):
        entry = counts[USED] - 1 - i
        if rows[entry, 0] != np.uint64(0):
            if rows[entry, word] & bit != np.uint64(0):
                rows[entry, word] &= ~bit
                rows[entry, old] |= bit
            elif rows[entry, old] & bit != np.uint64(0):
                rows[entry, old] &= ~bit
                bury(rows, slots, counts, entry)


@compilable
def carry(rows: Rows, entry: int, column: int, words: int, to_rows: Rows, to: int, to_column: int) -> None:
    """Copy one column of one block."""
    for w in range(words):
        to_rows[to, to_column + w] = rows[entry, column + w]


@compilable
def move(rows: Rows, layout: Layout, counts: Counts, to_rows: Rows, to_layout: Layout) -> None:
    """Copy every live block, in order and without gaps, to empty rows whose layout has all columns of this one."""
    to, words = 0, layout[WORDS]
    for entry in range(counts[USED]):
        if rows[entry, 0] == np.uint64(0):
            continue
        to_rows[to, 0] = rows[entry, 0]
        if layout[OLD] > 0:
            carry(rows, entry, layout[OLD], words, to_rows, to, to_layout[OLD])
        to_level = 0
        for level in range(layout[LEVELS]):
            while to_layout[TIER + to_level] < layout[TIER + level]:
                to_level += 1
            carry(rows, entry, layout[COLUMN + level], words, to_rows, to, to_layout[COLUMN + to_level])
        to += 1
    counts[USED], counts[FREE] = to, 0


@compilable
def rehash(rows: Rows, slots: Slots, counts: Counts) -> None:
    """Enter every live block into empty slots."""
    mask = len(slots) - 1
    for entry in range(counts[USED]):
        key = rows[entry, 0]
        if key != np.uint64(0):
            at = home(key, slots)
            while slots[at] != np.uint64(0):
                at = (at + 1) & mask
            slots[at] = slot_for(key, entry)
