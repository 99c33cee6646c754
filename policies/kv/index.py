"""Which replica holds which block in which tier, for every replica at once; bounded in memory."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from policies.cached import Cached
from policies.fleet import HBM
from policies.kv import lookup, table
from policies.kv.blocks import Hashes
from policies.kv.layout import LEVELS, OLD, WORDS, Layout, layout, level_of, tiers, width

FIRST_SLOTS = 1 << 12
FULLEST = 0.6  # share of slots in use beyond which probing gets long


class BlockIndex:
    """Block hash → replicas by tier, as a hash table of bitmasks that grows to `limit_blocks` and no further.

    A slot takes 8 bytes for its key and 8 per 64 replicas, and as much again per 64 replicas for each slower tier that
    anybody uses and for the second generation once a replica was aged (what it was not sent since is dropped): nobody
    pays for a column that nobody needs. There are at most 2.5 slots a block.
    """

    def __init__(self, limit_blocks: int = 1 << 20, replicas: int = 64, generations: int = 1) -> None:
        self.limit_blocks, self.generations = limit_blocks, generations
        self.refused = 0  # blocks not entered because the index was full
        self._counts = np.zeros(3, dtype=np.int64)
        shape = layout(max((replicas + 63) // 64, 1))
        self._adopt(_empty(FIRST_SLOTS, shape), shape)

    def __len__(self) -> int:
        return int(self._counts[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the table takes."""
        return self._rows.nbytes

    @property
    def rows(self) -> int:
        """Replicas that have a bit: rows below this may hold something."""
        return 64 * self._words

    def store(self, row: int, hashes: Hashes, tier: int = HBM) -> int:
        """Enter blocks that a replica holds in a tier; returns how many are new for it there."""
        if not self.room(row, len(hashes), tier):
            return 0
        return table.store(self._rows, self._layout, self._counts, self._level(tier), row, hashes)

    def remove(self, row: int, hashes: Hashes, tier: int = HBM) -> None:
        """Take out blocks that a replica no longer holds in a tier."""
        if row < self.rows and self._level(tier) >= 0:
            table.remove(self._rows, self._layout, self._counts, self._level(tier), row, hashes)

    def forget(self, row: int) -> None:
        """Take out everything of one replica."""
        if row < self.rows:
            table.forget(self._rows, self._layout, self._counts, row)

    def age(self, row: int) -> None:
        """Drop what a replica has not been sent since it was last aged; with one generation nothing is."""
        if self._may_age(row):
            table.age(self._rows, self._layout, self._counts, row)

    def longest(self, hashes: Hashes, block_tokens: float, cached: Cached) -> int:
        """Write the leading tokens that each replica holds in each tier or a faster one into `cached`, in one pass."""
        return lookup.longest(self._rows, self._layout, hashes, block_tokens, self._scratch, cached)

    def room(self, row: int, blocks: int, tier: int = HBM) -> bool:
        """Make room for so many more blocks of that replica; False, and counted, when the index is full."""
        used, live = int(self._counts[0]), int(self._counts[1])
        if live + blocks > self.limit_blocks:
            self.refused += blocks
            return False
        if row >= self.rows or self._level(tier) < 0:
            self._resize(len(self._rows), row, (tier,))
        if used + blocks <= FULLEST * len(self._rows):
            return True
        slots = FIRST_SLOTS
        while FULLEST * slots < 1.5 * (live + blocks):
            slots *= 2
        self._resize(slots, row)
        return True

    def _may_age(self, row: int) -> bool:
        if row >= self.rows or self.generations < 2:
            return False
        if not self._layout[OLD]:
            self._resize(len(self._rows), row, ages=True)
        return True

    def _level(self, tier: int) -> int:
        """The level of a tier, -1 where it has no column: HBM, which nearly all are, without a search."""
        return 0 if tier == HBM else level_of(self._layout, tier)

    def _adopt(self, rows: table.Rows, shape: Layout) -> None:
        self._rows, self._layout, self._words = rows, shape, int(shape[WORDS])
        self._scratch = np.zeros((2 + table.AHEAD) * self._words * int(shape[LEVELS]), dtype=np.uint64)

    def _resize(self, slots: int, row: int, more: Sequence[int] = (), ages: bool = False) -> None:
        """Move to a table of so many slots that has a bit for that row and columns for those tiers."""
        words = max(self._words, (row + 64) // 64)
        shape = layout(words, (*tiers(self._layout), *more), ages or bool(self._layout[OLD]))
        rows = _empty(slots, shape)
        self._rehash(rows, shape)
        self._adopt(rows, shape)

    def _rehash(self, rows: table.Rows, shape: Layout) -> None:
        table.rehash(self._rows, self._layout, self._counts, rows, shape)


def as_hashes(blocks: "npt.ArrayLike") -> Hashes:
    """Block hashes as the contiguous array that the index reads."""
    return np.ascontiguousarray(blocks, dtype=np.uint64)


def _empty(slots: int, shape: Layout) -> table.Rows:
    return np.zeros((slots, width(shape)), dtype=np.uint64)
