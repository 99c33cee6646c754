"""An open-addressing table from block hash to the replicas that hold it: the functions, over one plain array.

`rows[slot]` is a block hash (0 empty, 1 removed) and behind it columns of one bit a replica in words of 64, as a
`layout` says: the blocks in HBM seen since the replica was last aged, those seen before, those in each slower tier. A
hash and its holders share a cache line, for a look-up costs its cache misses. `counts` is [used slots, live blocks, a
place to write what is read ahead]. Block hashes are uniform already, so a hash is its own slot.
"""

import numpy as np
import numpy.typing as npt

from policies.compilable import compilable
from policies.kv.blocks import Hashes
from policies.kv.layout import COLUMN, LEVELS, OLD, TIER, WORDS, Layout

Rows = npt.NDArray[np.uint64]
Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
AHEAD = 32


@compilable
def place(word: np.uint64) -> int:
    """A word as a place in an array."""
    return np.int64(word)  # type: ignore[return-value]  # `int` of an unsigned word is unsigned when compiled


@compilable
def find(rows: Rows, key: np.uint64) -> int:
    """The slot of a key, or -1 - the slot where it may be entered."""
    mask, free = len(rows) - 1, -1
    slot = place(key & np.uint64(mask))
    while rows[slot, 0] != key:
        if rows[slot, 0] == np.uint64(0):
            return -1 - (slot if free < 0 else free)
        if rows[slot, 0] == np.uint64(1) and free < 0:
            free = slot
        slot = (slot + 1) & mask
    return slot


@compilable
def touch(rows: Rows, hashes: Hashes, start: int) -> np.uint64:
    """Read the next AHEAD blocks where their hashes say they lie: no branch waits, so all cache misses overlap.

    Whoever calls must write the answer down, or the compiler would leave the reading out.
    """
    mask, read = np.uint64(len(rows) - 1), np.uint64(0)
    for j in range(start, min(start + AHEAD, len(hashes))):
        slot = place(hashes[j] & mask)
        for w in range(0, rows.shape[1], 8):
            read ^= rows[slot, w]
    return read


@compilable
def store(rows: Rows, layout: Layout, counts: Counts, level: int, row: int, hashes: Hashes) -> int:
    """Enter blocks that one replica holds in one tier; returns how many it did not hold there before."""
    width, fresh, column = rows.shape[1], 0, layout[COLUMN + level]
    old = layout[OLD] if level == 0 and layout[OLD] > 0 else column
    word, older, bit = column + (row >> 6), old + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    for j in range(len(hashes)):
        if j % AHEAD == 0:
            counts[2] = place(touch(rows, hashes, j))
        slot = find(rows, hashes[j])
        if slot < 0:
            slot = -1 - slot
            counts[0] += 1 if rows[slot, 0] == np.uint64(0) else 0
            counts[1] += 1
            rows[slot, 0] = hashes[j]
            for w in range(1, width):
                rows[slot, w] = np.uint64(0)
        if (rows[slot, word] | rows[slot, older]) & bit == np.uint64(0):
            fresh += 1
        rows[slot, word] |= bit
    return fresh


@compilable
def bury(rows: Rows, counts: Counts, slot: int) -> None:
    """Take a block out when nobody holds it any more."""
    left = np.uint64(0)
    for w in range(1, rows.shape[1]):
        left |= rows[slot, w]
    if left == np.uint64(0):
        rows[slot, 0] = np.uint64(1)
        counts[1] -= 1


@compilable
def remove(rows: Rows, layout: Layout, counts: Counts, level: int, row: int, hashes: Hashes) -> None:
    """Take blocks of one replica out of one tier."""
    column = layout[COLUMN + level]
    old = layout[OLD] if level == 0 and layout[OLD] > 0 else column
    word, older, others = column + (row >> 6), old + (row >> 6), ~(np.uint64(1) << np.uint64(row & 63))
    for j in range(len(hashes)):
        if j % AHEAD == 0:
            counts[2] = place(touch(rows, hashes, j))
        slot = find(rows, hashes[j])
        if slot >= 0:
            rows[slot, word] &= others
            rows[slot, older] &= others
            bury(rows, counts, slot)


@compilable
def forget(rows: Rows, layout: Layout, counts: Counts, row: int) -> None:
    """Take every block of one replica out of every tier."""
    words, bit = layout[WORDS], np.uint64(1) << np.uint64(row & 63)
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1):
            had = np.uint64(0)
            for w in range(1 + (row >> 6), rows.shape[1], words):
                had |= rows[slot, w] & bit
                rows[slot, w] &= ~bit
            if had != np.uint64(0):
                bury(rows, counts, slot)


@compilable
def age(rows: Rows, layout: Layout, counts: Counts, row: int) -> None:
    """Make one replica's recent blocks its old ones and drop those that were old: two-generation LRU, in HBM."""
    word, bit = layout[COLUMN] + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    old = layout[OLD] + (row >> 6)
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1):
            if rows[slot, word] & bit != np.uint64(0):
                rows[slot, word] &= ~bit
                rows[slot, old] |= bit
            elif rows[slot, old] & bit != np.uint64(0):
                rows[slot, old] &= ~bit
                bury(rows, counts, slot)


@compilable
def carry(rows: Rows, slot: int, column: int, words: int, to_rows: Rows, to: int, to_column: int) -> None:
    """Copy one column of one block."""
    for w in range(words):
        to_rows[to, to_column + w] = rows[slot, column + w]


@compilable
def rehash(rows: Rows, layout: Layout, counts: Counts, to_rows: Rows, to_layout: Layout) -> None:
    """Copy every live block into an empty table of another size, whose layout has all columns of this one."""
    counts[0] = counts[1] = 0
    words = layout[WORDS]
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1):
            to = -1 - find(to_rows, rows[slot, 0])
            to_rows[to, 0] = rows[slot, 0]
            counts[0] += 1
            counts[1] += 1
            if layout[OLD] > 0:
                carry(rows, slot, layout[OLD], words, to_rows, to, to_layout[OLD])
            to_level = 0
            for level in range(layout[LEVELS]):
                while to_layout[TIER + to_level] < layout[TIER + level]:
                    to_level += 1
                carry(rows, slot, layout[COLUMN + level], words, to_rows, to, to_layout[COLUMN + to_level])
