"""Who holds how much of a prompt: the look-up over the block table, all replicas and all tiers in one pass.

A lane is one word of 64 replicas in one tier; a replica's bit is set in it where that tier or a faster one has the
block. Lane `level·words + w`: with HBM alone, lanes are words.
"""

import numpy as np

from policies.cached import Cached
from policies.compilable import compilable
from policies.kv.blocks import Hashes
from policies.kv.layout import COLUMN, LEVELS, OLD, TIER, WORDS, Layout
from policies.kv.table import AHEAD, Rows, Words, find, place, touch


@compilable
def settle(ended: np.uint64, lane: int, layout: Layout, tokens: float, cached: Cached) -> None:
    """Write down the tokens of every replica whose bit is set in one lane, for its tier and those without a column."""
    level, i = lane // layout[WORDS], (lane % layout[WORDS]) * 64
    tier, stop = layout[TIER + level], layout[TIER + level + 1]
    while ended != np.uint64(0) and i < len(cached):
        if ended & np.uint64(0xFF) == np.uint64(0):  # few end at one block, so most of a word is empty
            ended, i = ended >> np.uint64(8), i + 8
            continue
        if ended & np.uint64(1) != np.uint64(0):
            for t in range(tier, stop):
                cached[i, t] = tokens
        ended, i = ended >> np.uint64(1), i + 1


@compilable
def read_words(rows: Rows, layout: Layout, slot: int, live: int, scratch: Words, at: int) -> None:
    """Copy who holds one block into `scratch`: where HBM is the only tier, and of the live words only."""
    words = layout[WORDS]
    old = layout[OLD] if layout[OLD] > 0 else 1
    if live == words:
        for w in range(words):
            scratch[at + w] = rows[slot, 1 + w] | rows[slot, old + w]
    else:
        for k in range(live):
            w = place(scratch[k])
            scratch[at + w] = rows[slot, 1 + w] | rows[slot, old + w]


@compilable
def read_tiers(rows: Rows, layout: Layout, slot: int, scratch: Words, at: int) -> None:
    """Copy who holds one block into `scratch`, tier after tier, each with those that hold it in a faster one."""
    words = layout[WORDS]
    old = layout[OLD] if layout[OLD] > 0 else 1
    for w in range(words):
        held = rows[slot, old + w]
        for level in range(layout[LEVELS]):
            held |= rows[slot, layout[COLUMN + level] + w]
            scratch[at + level * words + w] = held


@compilable
def look_ahead(rows: Rows, layout: Layout, hashes: Hashes, start: int, live: int, scratch: Words) -> int:
    """Copy who holds the next AHEAD blocks into `scratch`, a row of lanes a block; returns how many anybody holds."""
    lanes = layout[WORDS] * layout[LEVELS]
    at, ends = 2 * lanes, min(start + AHEAD, len(hashes))
    scratch[at] = touch(rows, hashes, start)
    for j in range(start, ends):
        slot = find(rows, hashes[j])
        if slot < 0:
            return j - start
        if layout[LEVELS] == 1:
            read_words(rows, layout, slot, live, scratch, at)
        else:
            read_tiers(rows, layout, slot, scratch, at)
        at += lanes
    return ends - start


@compilable
def all_hold(lanes: int, at: int, scratch: Words) -> bool:
    """Whether every replica of every lane holds the block at `at`: without a branch, many lanes at once."""
    lacking = np.uint64(0)
    for w in range(lanes):
        lacking |= scratch[lanes + w] & ~scratch[at + w]
    return bool(lacking == np.uint64(0))


@compilable
def narrow(layout: Layout, lanes: int, at: int, live: int, tokens: float, scratch: Words, cached: Cached) -> int:
    """Keep of the live lanes' replicas those that hold one more block; the others end here. Returns the lanes left."""
    if live == lanes and lanes > 4 and all_hold(lanes, at, scratch):
        return live
    kept = 0
    for k in range(live):
        lane, running = place(scratch[k]), scratch[lanes + k]
        still = running & scratch[at + lane]
        if still != running and tokens > 0.0:
            settle(running & ~still, lane, layout, tokens, cached)
        if still != np.uint64(0):
            scratch[kept], scratch[lanes + kept] = np.uint64(lane), still
            kept += 1
    return kept


@compilable
def end(layout: Layout, lanes: int, live: int, tokens: float, scratch: Words, cached: Cached) -> None:
    """Write down the tokens of every replica still live."""
    for k in range(live):
        settle(scratch[lanes + k], place(scratch[k]), layout, tokens, cached)


@compilable
def longest(rows: Rows, layout: Layout, hashes: Hashes, block_tokens: float, scratch: Words, cached: Cached) -> int:
    """Leading tokens of a prompt held by each replica in each tier or a faster one; returns blocks anybody holds.

    A replica's run ends at the first block it lacks. `scratch` is (2 + AHEAD)·lanes: the lanes in which somebody still
    runs, the bits of those who do, and who holds the blocks looked up ahead. Lanes in which nobody runs are dropped, so
    a deep prefix costs little.
    """
    lanes = layout[WORDS] * layout[LEVELS]
    n, live, known = len(hashes), lanes, 0
    cached[:, :] = 0.0
    for lane in range(lanes):
        scratch[lane], scratch[lanes + lane] = np.uint64(lane), ~np.uint64(0)
    for j in range(n):
        if j % AHEAD == 0:
            known = j + look_ahead(rows, layout, hashes, j, live, scratch)
        tokens, at = j * block_tokens, (2 + j % AHEAD) * lanes
        kept = narrow(layout, lanes, at, live, tokens, scratch, cached) if j < known else 0
        if kept == 0:
            if j > 0 and j == known:
                end(layout, lanes, live, tokens, scratch, cached)
            return j
        live = kept
    end(layout, lanes, live, n * block_tokens, scratch, cached)
    return n
