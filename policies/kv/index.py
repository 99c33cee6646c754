"""Which replica holds which block, for every replica at once; bounded in memory."""

import numpy as np
import numpy.typing as npt

from policies.cached import Cached
from policies.kv import table
from policies.kv.blocks import Hashes

FIRST_SLOTS = 1 << 12
FULLEST = 0.6  # share of slots in use beyond which probing gets long


class BlockIndex:
    """Block hash → replicas, as a hash table of bitmasks that grows to `limit_blocks` and no further.

    A slot takes 8 bytes for its key and 8 per 64 replicas, twice that with two generations; there are at most
    2.5 slots a block. With two generations a replica can be aged: what it was not sent since is dropped.
    """

    def __init__(self, limit_blocks: int = 1 << 20, replicas: int = 64, generations: int = 1) -> None:
        self.limit_blocks, self.generations = limit_blocks, generations
        self.refused = 0  # blocks not entered because the index was full
        self._counts = np.zeros(2, dtype=np.int64)
        self._adopt(*self._empty(FIRST_SLOTS, max((replicas + 63) // 64, 1)))

    def __len__(self) -> int:
        return int(self._counts[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the table takes."""
        return self._rows.nbytes

    def store(self, row: int, hashes: Hashes) -> int:
        """Enter blocks that a replica holds; returns how many are new for it."""
        if not self.room(row, len(hashes)):
            return 0
        return table.store(self._rows, self._words, self._counts, row, hashes)

    def remove(self, row: int, hashes: Hashes) -> None:
        """Take out blocks that a replica no longer holds."""
        if row < 64 * self._words:
            table.remove(self._rows, self._words, self._counts, row, hashes)

    def forget(self, row: int) -> None:
        """Take out everything of one replica."""
        if row < 64 * self._words:
            table.forget(self._rows, self._words, self._counts, row)

    def age(self, row: int) -> None:
        """Drop what a replica has not been sent since it was last aged."""
        if row < 64 * self._words:
            table.age(self._rows, self._words, self._counts, row)

    def longest(self, hashes: Hashes, block_tokens: float, cached: Cached) -> int:
        """Write the leading tokens that each replica holds into `cached`, all replicas in one pass."""
        return table.longest(self._rows, self._words, hashes, block_tokens, self._scratch, cached)

    def room(self, row: int, blocks: int) -> bool:
        """Make room for so many more blocks of that replica; False, and counted, when the index is full."""
        if row >= 64 * self._words:
            self._resize(len(self._rows), (row + 64) // 64)
        used, live = int(self._counts[0]), int(self._counts[1])
        if live + blocks > self.limit_blocks:
            self.refused += blocks
            return False
        if used + blocks <= FULLEST * len(self._rows):
            return True
        slots = FIRST_SLOTS
        while FULLEST * slots < 1.5 * (live + blocks):
            slots *= 2
        self._resize(slots, self._words)
        return True

    def _empty(self, slots: int, words: int) -> tuple[table.Rows, int]:
        return np.zeros((slots, 1 + words * self.generations), dtype=np.uint64), words

    def _adopt(self, rows: table.Rows, words: int) -> None:
        self._rows, self._words = rows, words
        self._scratch = np.zeros((2 + table.AHEAD) * words, dtype=np.uint64)

    def _resize(self, slots: int, words: int) -> None:
        fresh = self._empty(slots, words)
        self._rehash(*fresh)
        self._adopt(*fresh)

    def _rehash(self, rows: table.Rows, words: int) -> None:
        table.rehash(self._rows, self._words, self._counts, rows, words)


def as_hashes(blocks: "npt.ArrayLike") -> Hashes:
    """Block hashes as the contiguous array that the index reads."""
    return np.ascontiguousarray(blocks, dtype=np.uint64)
