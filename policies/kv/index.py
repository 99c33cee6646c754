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
FIRST_ROWS = 1 << 11
FULLEST = 0.6  # share of slots in use beyond which probing gets long
GROWTH = 1.5  # of the rows, when they are all taken


class BlockIndex:
    """Block hash → replicas by tier, as rows of bitmasks found by hash; it grows to `limit_blocks` and no further.

    A row takes 8 bytes for its key and 8 per 64 replicas, and as much again per 64 replicas for each slower tier that
    anybody uses and for the second generation once a replica was aged (what it was not sent since is dropped): nobody
    pays for a column that nobody needs. Beside it a slot takes 8 bytes, and there are at most 3.4 a
    block.
    """

    def __init__(self, limit_blocks: int = 1 << 20, replicas: int = 64, generations: int = 1) -> None:
        self.limit_blocks, self.generations = limit_blocks, generations
        self.refused = 0  # blocks not entered because the index was full
        self._counts = np.zeros(table.COUNTS, dtype=np.int64)
        shape = layout(max((replicas + 63) // 64, 1))
        self._adopt(_rows(FIRST_ROWS, shape), shape, _slots(FIRST_SLOTS))

    def __len__(self) -> int:
        return int(self._counts[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that rows and slots may take; rows never used are not touched."""
        return self._rows.nbytes + self._slots.nbytes

    @property
    def replicas(self) -> int:
        """Replicas that have a bit: rows of the fleet below this may hold something."""
        return 64 * self._words

    def store(self, row: int, hashes: Hashes, tier: int = HBM) -> int:
        """Enter blocks that a replica holds in a tier; returns how many are new for it there."""
        if not self.room(row, len(hashes), tier):
            return 0
        of = self._rows, self._layout, self._slots, self._counts
        return table.store(*of, self._level(tier), row, hashes)

    def remove(self, row: int, hashes: Hashes, tier: int = HBM) -> None:
        """Take out blocks that a replica no longer holds in a tier."""
        level = self._level(tier)
        if row < self.replicas and level >= 0:
            table.remove(self._rows, self._layout, self._slots, self._counts, level, row, hashes)

    def forget(self, row: int) -> None:
        """Take out everything of one replica."""
        if row < self.replicas:
            table.forget(self._rows, self._layout, self._slots, self._counts, row)

    def age(self, row: int) -> None:
        """Drop what a replica has not been sent since it was last aged; with one generation nothing is."""
        if self._may_age(row):
            table.age(self._rows, self._layout, self._slots, self._counts, row)

    def longest(self, hashes: Hashes, block_tokens: float, cached: Cached) -> int:
        """Write the leading tokens that each replica holds in each tier or a faster one into `cached`, in one pass."""
        of = self._rows, self._layout, self._slots
        return lookup.longest(*of, hashes, block_tokens, self._scratch, cached)

    def room(self, row: int, blocks: int, tier: int = HBM) -> bool:
        """Make room for so many more blocks of that replica; False, and counted, when the index is full."""
        live = int(self._counts[1]) + blocks
        if live > self.limit_blocks:
            self.refused += blocks
            return False
        if row >= self.replicas or self._level(tier) < 0 or live > len(self._rows):
            self._relay(live, row, (tier,))
        if live > FULLEST * len(self._slots):
            self._respread(live)
        return True

    def _may_age(self, row: int) -> bool:
        if row >= self.replicas or self.generations < 2:
            return False
        if not self._layout[OLD]:
            self._relay(0, row, ages=True)
        return True

    def _level(self, tier: int) -> int:
        """The level of a tier, -1 where it has no column: HBM, which nearly all are, without a search."""
        return 0 if tier == HBM else level_of(self._layout, tier)

    def _adopt(self, rows: table.Rows, shape: Layout, slots: table.Slots) -> None:
        self._rows, self._layout, self._slots, self._words = rows, shape, slots, int(shape[WORDS])
        self._scratch = np.zeros(2 * self._words * int(shape[LEVELS]) + 1, dtype=np.uint64)

    def _relay(self, blocks: int, row: int, more: Sequence[int] = (), ages: bool = False) -> None:
        """Move to rows that have room for so many blocks, a bit for that replica and columns for those tiers."""
        words = max(self._words, (row + 64) // 64)
        shape = layout(words, (*tiers(self._layout), *more), ages or bool(self._layout[OLD]))
        many = len(self._rows)
        if blocks > many:
            many = max(blocks, min(int(GROWTH * many), self.limit_blocks))
        rows = _rows(many, shape)
        self._move(rows, shape)
        self._adopt(rows, shape, _slots(len(self._slots)))
        self._rehash()

    def _respread(self, blocks: int) -> None:
        """Take as many slots as so many blocks need."""
        many = len(self._slots)
        while FULLEST * many < blocks:
            many *= 2
        self._adopt(self._rows, self._layout, _slots(many))
        self._rehash()

    def _move(self, rows: table.Rows, shape: Layout) -> None:
        table.move(self._rows, self._layout, self._counts, rows, shape)

    def _rehash(self) -> None:
        table.rehash(self._rows, self._slots, self._counts)


def as_hashes(blocks: "npt.ArrayLike") -> Hashes:
    """Block hashes as the contiguous array that the index reads."""
    return np.ascontiguousarray(blocks, dtype=np.uint64)


def _rows(many: int, shape: Layout) -> table.Rows:
    return np.zeros((many, width(shape)), dtype=np.uint64)


def _slots(many: int) -> table.Slots:
    return np.zeros(many, dtype=np.uint64)
