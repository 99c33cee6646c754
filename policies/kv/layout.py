"""How a row of the block table is laid out: which tiers and generations have a column of bits, and where.

A layout is an array of int64 that compiled code reads: how many words of 64 replicas a column has, how many tiers have
a column, where the column of the older generation begins (0: there is none), then for each tier that has one, fastest
first, where its column begins, and at last which tier it is; TIERS ends that list. A tier or a generation without a
column costs nothing: a fleet that keeps KV in HBM only pays for HBM only.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from policies.fleet import HBM, TIERS

Layout = npt.NDArray[np.int64]

WORDS, LEVELS, OLD, COLUMN = 0, 1, 2, 3
TIER = COLUMN + TIERS
LENGTH = TIER + TIERS + 1


def layout(words: int, tiers: Sequence[int] = (HBM,), ages: bool = False) -> Layout:
    """The layout for so many words of replicas, these tiers (HBM among them) and, where it ages, two generations."""
    found, known = np.zeros(LENGTH, dtype=np.int64), sorted({HBM, *tiers})
    found[WORDS], found[LEVELS] = words, len(known)
    found[OLD] = 1 + words if ages else 0
    for level, tier in enumerate(known):
        found[COLUMN + level] = 1 + words * (level + (1 if ages and level else 0))
        found[TIER + level] = tier
    found[TIER + len(known)] = TIERS
    return found


def width(of: Layout) -> int:
    """Words of a whole row: the block's hash and every column."""
    return 1 + int(of[WORDS]) * (int(of[LEVELS]) + (1 if of[OLD] else 0))


def tiers(of: Layout) -> list[int]:
    """The tiers that have a column, fastest first."""
    return [int(tier) for tier in of[TIER : TIER + int(of[LEVELS])]]


def level_of(of: Layout, tier: int) -> int:
    """Which of the tiers that have a column this is; -1 when it has none."""
    known = tiers(of)
    return known.index(tier) if tier in known else -1
