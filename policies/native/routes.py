"""A routing policy bound to one fleet's memory: a decision is one C call."""

import struct
from typing import NamedTuple

import numpy as np

from policies.cached import Cached
from policies.fleet import TIERS, Fleet
from policies.native.library import function
from policies.policy import Routing
from policies.request import Ask

_PACK = struct.Struct(f"{len(Ask._fields)}d").pack_into


class Told(NamedTuple):
    """What a compiled decision says of the replica it chose."""

    propensity: float
    ttft_s: float
    tpot_s: float
    cost_usd: float
    cached_tokens: float
    decode: float  # the row that is to decode: the same one, unless it only computes prompts


class NativeRoute:
    """`policy` compiled, reading `fleet` and the `cached` buffer it owns; same answers as the plain kernel."""

    def __init__(self, policy: Routing, fleet: Fleet) -> None:
        self.policy, self.fleet, self.name = policy, fleet, policy.name()
        self._route = function(f"route_{self.name}")
        self._settings = policy.settings()
        self._told = np.zeros(len(Told._fields))
        self._ask = bytearray(8 * len(Ask._fields))
        self._ask_view = np.frombuffer(self._ask)
        self._rebind()

    @property
    def cached(self) -> Cached:
        """Shape [replicas, TIERS]: fill it before `choose`; it stands until it is filled again."""
        if self._version != self.fleet.version:
            self._rebind()
        return self._cached

    @property
    def cached_at(self) -> int:
        """The address of `cached`, for compiled look-ups."""
        if self._version != self.fleet.version:
            self._rebind()
        return self._memory[3]

    def choose(self, ask: Ask, now: float) -> int:
        """The chosen row, or -1; `told` then says what was predicted for it."""
        if self._version != self.fleet.version:
            self._rebind()
        _PACK(self._ask, 0, *ask)
        return self._route(*self._memory, now, self._out)  # type: ignore[no-any-return]

    def told(self) -> Told:
        """What the last choice said of the replica it chose; of no meaning after a -1."""
        return Told(*self._told.tolist())

    def _rebind(self) -> None:
        fleet = self.fleet
        self._version = fleet.version
        self._cached = np.zeros((len(fleet), TIERS))
        self._out = self._told.ctypes.data
        self._memory = (
            self._ask_view.ctypes.data, fleet.table.ctypes.data, len(fleet), self._cached.ctypes.data,
            self._settings.ctypes.data, len(self._settings),
        )  # fmt: skip
