"""An open-addressing table from block hash to the replicas that hold it: the functions, over one plain array.

`rows[slot]` is a block hash (0 empty, 1 removed) and behind it one bit a replica in words of 64, `generations` times
over: first the blocks seen since the replica was last aged, then (where there are two) those seen before. A hash and
its holders share a cache line, for a look-up costs its cache misses. `counts` is [used slots, live blocks]. Block
hashes are uniform already, so a hash is its own slot.
"""

import numpy as np
import numpy.typing as npt

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import TIERS
from policies.kv.blocks import Hashes

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
def store(rows: Rows, words: int, counts: Counts, row: int, hashes: Hashes) -> int:
    """Enter blocks for one replica; returns how many it did not hold before."""
    width, fresh = rows.shape[1], 0
    word, bit = 1 + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    old = word + width - 1 - words
    for j in range(len(hashes)):
        slot = find(rows, hashes[j])
        if slot < 0:
            slot = -1 - slot
            counts[0] += 1 if rows[slot, 0] == np.uint64(0) else 0
            counts[1] += 1
            rows[slot, 0] = hashes[j]
            for w in range(1, width):
                rows[slot, w] = np.uint64(0)
        if (rows[slot, word] | rows[slot, old]) & bit == np.uint64(0):
            fresh += 1
        rows[slot, word] |= bit
    return fresh


@compilable
def drop(rows: Rows, words: int, counts: Counts, slot: int, row: int) -> None:
    """Take one replica's bit out of one slot, and the block itself when nobody holds it any more."""
    width, left = rows.shape[1], np.uint64(0)
    word, others = 1 + (row >> 6), ~(np.uint64(1) << np.uint64(row & 63))
    rows[slot, word] &= others
    rows[slot, word + width - 1 - words] &= others
    for w in range(1, width):
        left |= rows[slot, w]
    if left == np.uint64(0):
        rows[slot, 0] = np.uint64(1)
        counts[1] -= 1


@compilable
def remove(rows: Rows, words: int, counts: Counts, row: int, hashes: Hashes) -> None:
    """Take blocks of one replica out."""
    for j in range(len(hashes)):
        slot = find(rows, hashes[j])
        if slot >= 0:
            drop(rows, words, counts, slot, row)


@compilable
def forget(rows: Rows, words: int, counts: Counts, row: int) -> None:
    """Take every block of one replica out."""
    word, bit = 1 + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    old = word + rows.shape[1] - 1 - words
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1) and (rows[slot, word] | rows[slot, old]) & bit != np.uint64(0):
            drop(rows, words, counts, slot, row)


@compilable
def age(rows: Rows, words: int, counts: Counts, row: int) -> None:
    """Make one replica's recent blocks its old ones and drop those that were old: two-generation LRU."""
    word, bit = 1 + (row >> 6), np.uint64(1) << np.uint64(row & 63)
    old = word + rows.shape[1] - 1 - words
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1):
            if rows[slot, word] & bit != np.uint64(0):
                rows[slot, word] &= ~bit
                rows[slot, old] |= bit
            elif rows[slot, old] & bit != np.uint64(0):
                drop(rows, words, counts, slot, row)


@compilable
def rehash(rows: Rows, words: int, counts: Counts, to_rows: Rows, to_words: int) -> None:
    """Copy every live block into an empty table of another size."""
    counts[0] = counts[1] = 0
    old, to_old = rows.shape[1] - 1 - words, to_rows.shape[1] - 1 - to_words
    for slot in range(len(rows)):
        if rows[slot, 0] > np.uint64(1):
            to = -1 - find(to_rows, rows[slot, 0])
            to_rows[to, 0] = rows[slot, 0]
            counts[0] += 1
            counts[1] += 1
            for w in range(1, 1 + words):
                to_rows[to, w] = rows[slot, w]
                to_rows[to, to_old + w] |= rows[slot, old + w]


@compilable
def settle(ended: np.uint64, word: int, tokens: float, cached: Cached) -> None:
    """Write down the tokens of every replica whose bit is set in one word."""
    i = word * 64
    while ended != np.uint64(0) and i < len(cached):
        if ended & np.uint64(0xFF) == np.uint64(0):  # few end at one block, so most of a word is empty
            ended, i = ended >> np.uint64(8), i + 8
            continue
        if ended & np.uint64(1) != np.uint64(0):
            for tier in range(TIERS):
                cached[i, tier] = tokens
        ended, i = ended >> np.uint64(1), i + 1


@compilable
def touch(rows: Rows, hashes: Hashes, start: int, scratch: Words, at: int) -> None:
    """Read the next AHEAD blocks where their hashes say they lie: no branch waits, so all cache misses overlap."""
    mask, read = np.uint64(len(rows) - 1), np.uint64(0)
    for j in range(start, min(start + AHEAD, len(hashes))):
        slot = place(hashes[j] & mask)
        for w in range(0, rows.shape[1], 8):
            read ^= rows[slot, w]
    scratch[at] = read  # or the compiler would leave the reading out


@compilable
def look_ahead(rows: Rows, words: int, hashes: Hashes, start: int, live: int, scratch: Words) -> int:
    """Copy who holds the next AHEAD blocks into `scratch`, a row of words a block; returns how many anybody holds."""
    at, old = 2 * words, rows.shape[1] - words
    touch(rows, hashes, start, scratch, at)
    ends = min(start + AHEAD, len(hashes))
    for j in range(start, ends):
        slot = find(rows, hashes[j])
        if slot < 0:
            return j - start
        if live == words:
            for w in range(words):
                scratch[at + w] = rows[slot, 1 + w] | rows[slot, old + w]
        else:
            for k in range(live):
                w = place(scratch[k])
                scratch[at + w] = rows[slot, 1 + w] | rows[slot, old + w]
        at += words
    return ends - start


@compilable
def all_hold(words: int, at: int, scratch: Words) -> bool:
    """Whether every replica of every word holds the block at `at`: without a branch, many words at once."""
    lacking = np.uint64(0)
    for w in range(words):
        lacking |= scratch[words + w] & ~scratch[at + w]
    return bool(lacking == np.uint64(0))


@compilable
def narrow(words: int, at: int, live: int, tokens: float, scratch: Words, cached: Cached) -> int:
    """Keep of the live words' replicas those that hold one more block; the others end here. Returns the words left."""
    if live == words and words > 4 and all_hold(words, at, scratch):
        return live
    kept = 0
    for k in range(live):
        w, running = place(scratch[k]), scratch[words + k]
        still = running & scratch[at + w]
        if still != running and tokens > 0.0:
            settle(running & ~still, w, tokens, cached)
        if still != np.uint64(0):
            scratch[kept], scratch[words + kept] = np.uint64(w), still
            kept += 1
    return kept


@compilable
def end(words: int, live: int, tokens: float, scratch: Words, cached: Cached) -> None:
    """Write down the tokens of every replica still live."""
    for k in range(live):
        settle(scratch[words + k], place(scratch[k]), tokens, cached)


@compilable
def longest(rows: Rows, words: int, hashes: Hashes, block_tokens: float, scratch: Words, cached: Cached) -> int:
    """Leading tokens of a prompt held by each replica, all replicas in one pass; returns blocks anybody holds.

    A replica's run ends at the first block it lacks. `scratch` is (2 + AHEAD)·words: the words in which somebody still
    runs, the bits of those who do, and who holds the blocks looked up ahead. Words in which nobody runs are dropped, so
    a deep prefix costs little.
    """
    n, live, known = len(hashes), words, 0
    cached[:, :] = 0.0
    for w in range(words):
        scratch[w], scratch[words + w] = np.uint64(w), ~np.uint64(0)
    for j in range(n):
        if j % AHEAD == 0:
            known = j + look_ahead(rows, words, hashes, j, live, scratch)
        tokens, at = j * block_tokens, (2 + j % AHEAD) * words
        kept = narrow(words, at, live, tokens, scratch, cached) if j < known else 0
        if kept == 0:
            if j > 0 and j == known:
                end(words, live, tokens, scratch, cached)
            return j
        live = kept
    end(words, live, n * block_tokens, scratch, cached)
    return n
