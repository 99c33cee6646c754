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
def narrow(rows: Rows, layout: Layout, entry: int, live: int, tokens: float, scratch: Words, cached: Cached) -> int:
    """Keep of the live lanes' replicas those that hold one more block; the others end here. Returns the lanes left."""
    kept, lanes = 0, layout[WORDS] * layout[LEVELS]
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
def ends_at(rows: Rows, layout: Layout, live: int, scratch: Words, entry: int) -> bool:
    """Whether some replica's run ends at a block, or several tiers must be told apart: without a branch a word."""
    if layout[LEVELS] > 1:
        return True
    words, old, lacking = layout[WORDS], layout[OLD] if layout[OLD] > 0 else 1, np.uint64(0)
    if live == words:
        for w in range(words):
            lacking |= scratch[words + w] & ~(rows[entry, 1 + w] | rows[entry, old + w])
    else:
        for k in range(live):
            lane = place(scratch[k])
            lacking |= scratch[words + k] & ~(rows[entry, 1 + lane] | rows[entry, old + lane])
    return bool(lacking != np.uint64(0))


@compilable
def stretch_one(rows: Rows, lane: int, older: int, running: np.uint64, hashes: Hashes, j: int, entry: int) -> int:
    """As `stretch`, where one word is live: nearly always, once a prompt has left what all share."""
    most = min(len(hashes) - j, len(rows) - entry)
    for k in range(most):
        held = rows[entry + k, lane] | rows[entry + k, older]
        if rows[entry + k, 0] != hashes[j + k] or running & ~held != np.uint64(0):
            return k
    return most


@compilable
def stretch(rows: Rows, layout: Layout, live: int, scratch: Words, hashes: Hashes, j: int, entry: int) -> int:
    """Blocks from j on that lie behind one another from `entry` on and at which no replica's run ends."""
    if layout[LEVELS] == 1 and live == 1:
        lane, old = place(scratch[0]), layout[OLD] if layout[OLD] > 0 else 1
        return stretch_one(rows, 1 + lane, old + lane, scratch[layout[WORDS]], hashes, j, entry)
    most = min(len(hashes) - j, len(rows) - entry)
    for k in range(most):
        if rows[entry + k, 0] != hashes[j + k] or ends_at(rows, layout, live, scratch, entry + k):
            return k
    return most


@compilable
def end(layout: Layout, live: int, tokens: float, scratch: Words, cached: Cached) -> None:
    """Write down the tokens of every replica still live."""
    lanes = layout[WORDS] * layout[LEVELS]
    for k in range(live):
        settle(scratch[lanes + k], place(scratch[k]), layout, tokens, cached)


@compilable
def look_up(rows: Rows, slots: Slots, hashes: Hashes, j: int, entry: int) -> int:
    """The entry of block j, which mostly is `entry`; -1 when nobody holds it."""
    if 0 <= entry < len(rows) and rows[entry, 0] == hashes[j]:
        return entry
    at = find(rows, slots, hashes[j])
    return entry_of(slots[at]) if at >= 0 else -1


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
    n, live, read, entry, j = len(hashes), lanes, 0, NOWHERE, 0
    cached[:, :] = 0.0
    for lane in range(lanes):
        scratch[lane], scratch[lanes + lane] = np.uint64(lane), ~np.uint64(0)
    while j < n:
        if j >= read and not (0 <= entry < len(rows) and rows[entry, 0] == hashes[j]):
            scratch[2 * lanes], read = np.uint64(touch(rows, slots, hashes, j)), j + AHEAD
        entry = look_up(rows, slots, hashes, j, entry)
        if entry < 0:
            break
        if ends_at(rows, layout, live, scratch, entry):
            live = narrow(rows, layout, entry, live, j * block_tokens, scratch, cached)
            if live == 0:
                return j
        j += 1
        same = stretch(rows, layout, live, scratch, hashes, j, entry + 1)
        j, entry = j + same, entry + 1 + same
    if j > 0:
        end(layout, live, j * block_tokens, scratch, cached)
    return j
