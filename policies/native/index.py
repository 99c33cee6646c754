"""The block index over compiled table functions; addresses are taken once, asking numpy for one costs 2 µs."""

import numpy as np

from policies.cached import Cached
from policies.fleet import HBM
from policies.kv.blocks import ROOT, Hashes, Tokens
from policies.kv.index import BlockIndex
from policies.kv.layout import Layout
from policies.kv.table import Rows, Slots
from policies.native.library import function


class BlockBuffer:
    """Room for one prompt's block hashes, filled by compiled chains; `n` of them are of the last prompt."""

    def __init__(self, most: int = 16384) -> None:
        self.array = np.zeros(most, dtype=np.uint64)
        self.address = self.array.ctypes.data
        self.most, self.n = most, 0
        self._text, self._tokens = function("chain_text"), function("chain")

    def text(self, text: bytes, block_bytes: int, parent: int = ROOT) -> int:
        """Hash the whole blocks of a text; returns how many. Blocks beyond the room are left out."""
        usable = min(len(text), self.most * block_bytes)
        self.n = self._text(text, usable, block_bytes, parent, self.address)
        return self.n

    def tokens(self, tokens: Tokens, block_tokens: int, parent: int = ROOT) -> int:
        """Hash the whole blocks of token ids; returns how many."""
        usable = min(len(tokens), self.most * block_tokens)
        self.n = self._tokens(tokens.ctypes.data, usable, block_tokens, parent, self.address)
        return self.n

    def hashes(self) -> Hashes:
        """The last prompt's hashes, as a view that the next prompt overwrites."""
        return self.array[: self.n]


class NativeIndex(BlockIndex):
    """`BlockIndex`, compiled: same answers."""

    def store(self, row: int, hashes: Hashes, tier: int = HBM) -> int:
        """See `BlockIndex.store`."""
        return self.store_at(row, hashes.ctypes.data, len(hashes), tier)

    def store_at(self, row: int, address: int, n: int, tier: int = HBM) -> int:
        """Enter the n hashes at an address."""
        if not self.room(row, n, tier):
            return 0
        return self._store(*self.memory, self.counts_at, self._level(tier), row, address, n)  # type: ignore[no-any-return]

    def remove(self, row: int, hashes: Hashes, tier: int = HBM) -> None:
        """See `BlockIndex.remove`."""
        level = self._level(tier)
        if row < self.replicas and level >= 0:
            self._remove(*self.memory, self.counts_at, level, row, hashes.ctypes.data, len(hashes))

    def forget(self, row: int) -> None:
        """See `BlockIndex.forget`."""
        if row < self.replicas:
            function("forget")(*self.memory, self.counts_at, row)

    def age(self, row: int) -> None:
        """See `BlockIndex.age`."""
        if self._may_age(row):
            function("age")(*self.memory, self.counts_at, row)

    def longest(self, hashes: Hashes, block_tokens: float, cached: Cached) -> int:
        """See `BlockIndex.longest`."""
        return self.longest_at(hashes.ctypes.data, len(hashes), block_tokens, cached.ctypes.data, len(cached))

    def longest_at(self, address: int, n: int, block_tokens: float, cached: int, replicas: int) -> int:
        """As `longest`, for n hashes at an address and the cached tokens of so many replicas at another."""
        return self._longest(*self.memory, address, n, block_tokens, self.scratch_at, cached, replicas)  # type: ignore[no-any-return]

    def _adopt(self, rows: Rows, shape: Layout, slots: Slots) -> None:
        super()._adopt(rows, shape, slots)
        self.version = getattr(self, "version", 0) + 1  # rises whenever the table moves
        self.memory = (*_memory(rows, shape), slots.ctypes.data, len(slots))
        self.scratch_at, self.counts_at = self._scratch.ctypes.data, self._counts.ctypes.data
        self._longest, self._store, self._remove = function("longest"), function("store"), function("remove")

    def _move(self, rows: Rows, shape: Layout) -> None:
        function("move")(*self.memory[:4], self.counts_at, *_memory(rows, shape))

    def _rehash(self) -> None:
        function("rehash")(*self.memory, self.counts_at)


def hash_tokens(tokens: Tokens, block_tokens: int, parent: int = ROOT) -> Hashes:
    """The chained hashes of every whole block of uint32 tokens, in an array of their own."""
    out = np.empty(len(tokens) // block_tokens, dtype=np.uint64)
    function("chain")(tokens.ctypes.data, len(tokens), block_tokens, parent, out.ctypes.data)
    return out


def _memory(rows: Rows, shape: Layout) -> tuple[int, int, int, int]:
    return rows.ctypes.data, len(rows), rows.shape[1], shape.ctypes.data
