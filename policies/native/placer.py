"""Hashing a prompt, finding who holds it and choosing a replica, as one compiled call."""

import struct

import numpy as np

from policies.fleet import TIERS, Fleet
from policies.native.index import BlockBuffer, NativeIndex
from policies.native.library import function
from policies.policy import Routing
from policies.request import Ask

_PACK = struct.Struct(f"{len(Ask._fields)}d").pack_into
TOLD = 7  # propensity, ttft, tpot, cost, cached tokens, row that is to decode, blocks


class Placer:
    """One policy over one fleet and one index; holds no state of its own but the memory the call reads and writes."""

    __slots__ = (
        "_address", "_ask", "_ask_array", "_call", "_context", "_decoder", "_encoder", "_fleet_version",
        "_index_version", "_remember", "_settings", "_table", "_told_array", "blocks", "cached", "expected_tokens",
        "fleet", "index", "name", "policy", "prompt_tokens", "told",
    )  # fmt: skip

    def __init__(self, policy: Routing, fleet: Fleet, index: NativeIndex, blocks: BlockBuffer) -> None:
        self.policy, self.fleet, self.index, self.blocks = policy, fleet, index, blocks
        self.name = policy.name()
        self._call, self._remember = function(f"place_{self.name}"), function("remember")
        self._decoder, self._encoder = function("decoder"), function("encoder")
        self._settings = policy.settings()
        self._ask = bytearray(8 * len(Ask._fields))
        self._ask_array = np.frombuffer(self._ask)
        self._told_array = np.zeros(TOLD)
        self.told: memoryview[float] = memoryview(self._told_array.data).cast("B").cast("d")
        self.prompt_tokens = self.expected_tokens = 1.0
        self._bind()

    def ask(
        self, coin: float, session: float, model: float, prompt_tokens: float, max_tokens: float,
        expected_tokens: float, ttft_deadline_s: float, tpot_deadline_s: float,
    ) -> None:  # fmt: skip
        """Say what the next placement is for: the fields of `Ask`."""
        self.prompt_tokens, self.expected_tokens = prompt_tokens, expected_tokens
        _PACK(
            self._ask, 0, coin, session, model, prompt_tokens, max_tokens, expected_tokens, ttft_deadline_s,
            tpot_deadline_s,
        )  # fmt: skip

    def asked(self) -> Ask:
        """What the last placement was for."""
        return Ask(*self._ask_array.tolist())

    def place_text(
        self, text: bytes, start: int, block_bytes: int, block_tokens: float, parent: int, now: float
    ) -> int:
        """Place a prompt compared as text, from byte `start`; returns the row or -1, `told` says what was predicted."""
        if self._fleet_version != self.fleet.version or self._index_version != self.index.version:
            self._bind()
        length = min(len(text) - start, self.blocks.most * block_bytes)
        row: int = self._call(self._address, text, start, length, block_bytes, block_tokens, parent, now)
        self.blocks.n = int(self.told[6])
        return row

    def place_hashed(self, block_tokens: float, now: float) -> int:
        """Place the prompt whose hashes are in `blocks` already."""
        if self._fleet_version != self.fleet.version or self._index_version != self.index.version:
            self._bind()
        row: int = self._call(self._address, b"", 0, -1, self.blocks.n, block_tokens, 0, now)
        return row

    def decoder(self, row: int) -> int:
        """Where to decode what a replica has computed of the request last told by `ask`; -1 where nobody can."""
        if self._fleet_version != self.fleet.version:
            self._bind()
        found: int = self._decoder(*self._table, row)
        return found

    def encoder(self, visual_tokens: float) -> int:
        """Where to encode the images of the request last told by `ask`; -1: whoever computes its prompt has to."""
        if self._fleet_version != self.fleet.version:
            self._bind()
        found: int = self._encoder(*self._table, visual_tokens)
        return found

    def remember(self, row: int) -> int:
        """Enter the last prompt's blocks as held by a replica; returns how many it was not known to hold."""
        if not self.index.room(row, self.blocks.n):
            return 0
        if self._index_version != self.index.version:
            self._bind()
        fresh: int = self._remember(self._address, row, self.blocks.n)
        return fresh

    def _bind(self) -> None:
        fleet, index = self.fleet, self.index
        self._fleet_version, self._index_version = fleet.version, index.version
        self.cached = np.zeros((len(fleet), TIERS))
        self._context = np.array(
            [
                self._ask_array.ctypes.data, fleet.table.ctypes.data, len(fleet), self.cached.ctypes.data,
                self._settings.ctypes.data, len(self._settings), self._told_array.ctypes.data, *index.memory,
                index.scratch_at, self.blocks.address, index.counts_at,
            ],
            dtype=np.uint64,
        )  # fmt: skip
        self._address = int(self._context.ctypes.data)
        self._table = self._ask_array.ctypes.data, fleet.table.ctypes.data, len(fleet)
