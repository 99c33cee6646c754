"""An open-addressing table from block hash to the replicas that hold it: the functions, over plain arrays.

`keys[slot]` is a block hash (0 empty, 1 removed). `held[slot]` is one bit a replica in words of 64, `generations`
times over: first the blocks seen since the replica was last aged, then (where there are two) those seen before.
`counts` is [used slots, live blocks]. Block hashes are uniform already, so a hash is its own slot.
"""

import numpy as np
import numpy.typing as npt

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import TIERS
from policies.kv.blocks import Hashes

Words = npt.NDArray[np.uint64]
AHEAD = 32
Counts = npt.NDArray[np.int64]


@compilable
def place(word: np.uint64) -> int:
    """A word as a place in an array."""
    return np.int64(word)  # type: ignore[return-value]  # `int` of an unsigned word is unsigned when compiled


@compilable
def find(keys: Hashes, key: np.uint64) -> int:
    """The slot of a key, or -1 - the slot where it may be entered."""
    mask, free = len(keys) - 1, -1
    slot = place(key & np.uint64(mask))
    while keys[slot] != key:
        if keys[slot] == np.uint64(0):
            return -1 - (slot if free < 0 else free)
        if keys[slot] == np.uint64(1) and free < 0:
            free = slot
        slot = (slot + 1) & mask
    return slot


@compilable
def store(keys: Hashes, held: Words, words: int, counts: Counts, row: int, hashes: Hashes) -> int:
    """Enter blocks for one replica; returns how many it did not hold before."""
    width, fresh = held.shape[1], 0
    word, bit = row >> 6, np.uint64(1) << np.uint64(row & 63)
    for j in range(len(hashes)):
        slot = find(keys, hashes[j])
        if slot < 0:
            slot = -1 - slot
            counts[0] += 1 if keys[slot] == np.uint64(0) else 0
            counts[1] += 1
            keys[slot] = hashes[j]
            for w in range(width):
                held[slot, w] = np.uint64(0)
        if (held[slot, word] | held[slot, width - words + word]) & bit == np.uint64(0):
            fresh += 1
        held[slot, word] |= bit
    return fresh


@compilable
def drop(keys: Hashes, held: Words, words: int, counts: Counts, slot: int, row: int) -> None:
    """Take one replica's bit out of one slot, and the block itself when nobody holds it any more."""
    width, left = held.shape[1], np.uint64(0)
    word, others = row >> 6, ~(np.uint64(1) << np.uint64(row & 63))
    held[slot, word] &= others
    held[slot, width - words + word] &= others
    for w in range(width):
        left |= held[slot, w]
    if left == np.uint64(0):
        keys[slot] = np.uint64(1)
        counts[1] -= 1


@compilable
def remove(keys: Hashes, held: Words, words: int, counts: Counts, row: int, hashes: Hashes) -> None:
    """Take blocks of one replica out."""
    for j in range(len(hashes)):
        slot = find(keys, hashes[j])
        if slot >= 0:
            drop(keys, held, words, counts, slot, row)


@compilable
def forget(keys: Hashes, held: Words, words: int, counts: Counts, row: int) -> None:
    """Take every block of one replica out."""
    word, bit = row >> 6, np.uint64(1) << np.uint64(row & 63)
    for slot in range(len(keys)):
        both = held[slot, word] | held[slot, held.shape[1] - words + word]
        if keys[slot] > np.uint64(1) and both & bit != np.uint64(0):
            drop(keys, held, words, counts, slot, row)


@compilable
def age(keys: Hashes, held: Words, words: int, counts: Counts, row: int) -> None:
    """Make one replica's recent blocks its old ones and drop those that were old: two-generation LRU."""
    word, old = row >> 6, held.shape[1] - words + (row >> 6)
    bit = np.uint64(1) << np.uint64(row & 63)
    for slot in range(len(keys)):
        if keys[slot] > np.uint64(1):
            if held[slot, word] & bit != np.uint64(0):
                held[slot, word] &= ~bit
                held[slot, old] |= bit
            elif held[slot, old] & bit != np.uint64(0):
                drop(keys, held, words, counts, slot, row)


@compilable
def rehash(
    keys: Hashes, held: Words, words: int, counts: Counts, to_keys: Hashes, to_held: Words, to_words: int
) -> None:
    """Copy every live block into an empty table of another size."""
    counts[0] = counts[1] = 0
    old, to_old = held.shape[1] - words, to_held.shape[1] - to_words
    for slot in range(len(keys)):
        if keys[slot] > np.uint64(1):
            to = -1 - find(to_keys, keys[slot])
            to_keys[to] = keys[slot]
            counts[0] += 1
            counts[1] += 1
            for w in range(words):
                to_held[to, w] = held[slot, w]
                to_held[to, to_old + w] |= held[slot, old + w]


@compilable
def settle(ended: np.uint64, word: int, tokens: float, cached: Cached) -> None:
    """Write down the tokens of every replica whose bit is set in one word."""
    i, one = word * 64, np.uint64(1)
    while ended != np.uint64(0) and i < len(cached):
        if ended & one != np.uint64(0):
            for tier in range(TIERS):
                cached[i, tier] = tokens
        ended, i = ended >> one, i + 1


@compilable
def look_ahead(keys: Hashes, held: Words, hashes: Hashes, start: int, scratch: Words, at: int) -> None:
    """Find the next AHEAD blocks' slots (len(keys): nobody's), so that their cache misses overlap."""
    for j in range(start, min(start + AHEAD, len(hashes))):
        slot = find(keys, hashes[j])
        scratch[at + j - start] = np.uint64(len(keys) if slot < 0 else slot)


@compilable
def narrow(held: Words, words: int, slot: int, live: int, tokens: float, scratch: Words, cached: Cached) -> int:
    """Keep of the live words' replicas those that hold one more block; the others end here. Returns the words left."""
    kept, old = 0, held.shape[1] - words
    for k in range(live):
        w, running = place(scratch[k]), scratch[words + k]
        still = running & (held[slot, w] | held[slot, old + w])
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
def longest(
    keys: Hashes, held: Words, words: int, hashes: Hashes, block_tokens: float, scratch: Words, cached: Cached
) -> int:
    """Leading tokens of a prompt held by each replica, all replicas in one pass; returns blocks anybody holds.

    A replica's run ends at the first block it lacks. `scratch` is 2·words + AHEAD: the words in which somebody still
    runs, the bits of those who do, and the slots looked up ahead. Words in which nobody runs are dropped, so a deep
    prefix costs little.
    """
    n, live, nobody = len(hashes), words, len(keys)
    cached[:, :] = 0.0
    for w in range(words):
        scratch[w], scratch[words + w] = np.uint64(w), ~np.uint64(0)
    for j in range(n):
        if j % AHEAD == 0:
            look_ahead(keys, held, hashes, j, scratch, 2 * words)
        slot = place(scratch[2 * words + j % AHEAD])
        kept = narrow(held, words, slot, live, j * block_tokens, scratch, cached) if slot != nobody else 0
        if kept == 0:
            if j > 0 and slot == nobody:
                end(words, live, j * block_tokens, scratch, cached)
            return j
        live = kept
    end(words, live, n * block_tokens, scratch, cached)
    return n
