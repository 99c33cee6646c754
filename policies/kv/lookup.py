"""Who holds how much of a prompt: the look-up over the block table, all replicas and all tiers in one pass.

A lane is one word of 64 replicas in one tier; a replica's bit is set in it where that tier or a faster one has the
block. Lane `level·words + w`: with HBM alone, lanes are words. Every block of the prompt is looked at, so a hole in
what a replica holds ends its run: nothing is skipped on the ground that what lies behind it is there.
"""

import numpy as np

from policies.cached import Cached
from policies.compilable import compilable
from policies.kv.blocks import Hashes
from policies.kv.layout import COLUMN, LEVELS, OLD, TIER, WORDS, Layout
from policies.kv.table import AHEAD, NOWHERE, Rows, Slots, entry_of, find, place, touch

Words = Slots


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
def holders(rows: Rows, layout: Layout, entry: int, lane: int) -> np.uint64:
    """The replicas of one lane that hold a block."""
    if layout[LEVELS] == 1 and layout[OLD] == 0:
        return rows[entry, 1 + lane]  # type: ignore[no-any-return]
    level, w = lane // layout[WORDS], lane % layout[WORDS]
    held = rows[entry, 1 + w] | rows[entry, (layout[OLD] if layout[OLD] > 0 else 1) + w]
    for faster in range(1, level + 1):
        held |= rows[entry, layout[COLUMN + faster] + w]
    return held  # type: ignore[no-any-return]


@compilable
def all_hold(rows: Rows, layout: Layout, entry: int, lanes: int, scratch: Words) -> bool:
    """Whether every replica of every word holds a block, HBM being the only tier: no branch, many words at once."""
    lacking, old = np.uint64(0), layout[OLD] if layout[OLD] > 0 else 1
    for w in range(lanes):
        lacking |= scratch[lanes + w] & ~(rows[entry, 1 + w] | rows[entry, old + w])
    return bool(lacking == np.uint64(0))


@compilable
def narrow(rows: Rows, layout: Layout, entry: int, live: int, tokens: float, scratch: Words, cached: Cached) -> int:
    """Keep of the live lanes' replicas those that hold one more block; the others end here. Returns the lanes left."""
    kept, lanes = 0, layout[WORDS] * layout[LEVELS]
    if live == lanes and lanes > 4 and layout[LEVELS] == 1 and all_hold(rows, layout, entry, lanes, scratch):
        return live
    for k in range(live):
        lane, running = place(scratch[k]), scratch[lanes + k]
        still = running & holders(rows, layout, entry, lane)
        if still != running and tokens > 0.0:
            settle(running & ~still, lane, layout, tokens, cached)
        if still != np.uint64(0):
            scratch[kept], scratch[lanes + kept] = np.uint64(lane), still
            kept += 1
    return kept


@compilable
def end(layout: Layout, live: int, tokens: float, scratch: Words, cached: Cached) -> None:
    """Write down the tokens of every replica still live."""
    lanes = layout[WORDS] * layout[LEVELS]
    for k in range(live):
        settle(scratch[lanes + k], place(scratch[k]), layout, tokens, cached)


@compilable
def longest(
    rows: Rows, layout: Layout, slots: Slots, hashes: Hashes, block_tokens: float, scratch: Words, cached: Cached
) -> int:
    """Leading tokens of a prompt held by each replica in each tier or a faster one; returns blocks anybody holds.

    A replica's run ends at the first block it lacks. `scratch` is 2·lanes + 1: the lanes in which somebody still runs,
    the bits of those who do, and what was read ahead. Lanes in which nobody runs are dropped, so that a deep prefix
    costs little.
    """
    lanes = layout[WORDS] * layout[LEVELS]
    n, live, read, entry = len(hashes), lanes, 0, NOWHERE
    cached[:, :] = 0.0
    for lane in range(lanes):
        scratch[lane], scratch[lanes + lane] = np.uint64(lane), ~np.uint64(0)
    for j in range(n):
        entry += 1
        if not (0 <= entry < len(rows) and rows[entry, 0] == hashes[j]):
            if j >= read:
                scratch[2 * lanes], read = np.uint64(touch(slots, hashes, j)), j + AHEAD
            at = find(rows, slots, hashes[j])
            if at < 0:
                if j > 0:
                    end(layout, live, j * block_tokens, scratch, cached)
                return j
            entry = entry_of(slots[at])
        live = narrow(rows, layout, entry, live, j * block_tokens, scratch, cached)
        if live == 0:
            return j
    end(layout, live, n * block_tokens, scratch, cached)
    return n
