"""Model and replica chosen together: the routing policy says where each model would serve, a chooser which one does."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from policies.cached import Cached
from policies.fleet import Table
from policies.native.library import function
from policies.native.routes import Told
from policies.policy import Routing
from policies.request import Ask
from sims.engine.arena import Array, Memory
from sims.engine.deciding import Plain, compiled_route

NOBODY = -1
_PACK = struct.Struct(f"{len(Ask._fields)}d").pack_into


class Placed(NamedTuple):
    """A model on the replica that the routing policy gives it now."""

    row: int  # -1: none of its replicas takes the request
    expected_tokens: float  # of its answer: the mean of what it lately generated
    told: Told  # what is predicted of the request there; of no meaning where there is no replica


class Chooser(Protocol):
    """Chooses the model of each arrival."""

    def begin(self, fleet: Table, ends: Array) -> None:
        """A simulation begins: its table, and when each answer's last token came, nan where it has not."""

    def choose(self, index: int, now: float, ask: Ask, placed: Sequence[Placed]) -> int:
        """Which of the models, each on its replica; one without a replica only where the request may be refused."""


class Places:
    """Where each model would serve a request, by the compiled kernel of a registered policy."""

    def __init__(self, policy: Routing, memory: Memory, models: Mapping[str, int]) -> None:
        if not compiled_route(policy):
            raise ValueError(f"{type(policy).__name__} is no registered routing policy: only those place each model")
        self._route, self._models = function(f"route_{policy.name()}"), list(models.values())
        self._asked, self._told = bytearray(8 * len(Ask._fields)), np.zeros(len(Told._fields))
        self._view, self._settings = np.frombuffer(self._asked), policy.settings()
        self._expected, world = memory.array("expected_"), memory.world[0]
        self._addresses = (
            self._view.ctypes.data, int(world.table_), int(world.replicas), int(world.cached_),
            self._settings.ctypes.data, len(self._settings),
        )  # fmt: skip
        self._out = self._told.ctypes.data

    def of(self, ask: Ask, now: float) -> list[Placed]:
        """Each model, in the order of their names as given."""
        expected = self._expected.tolist()
        return [self._one(ask, number, expected[number], now) for number in self._models]

    def _one(self, ask: Ask, number: int, tokens: float, now: float) -> Placed:
        _PACK(self._asked, 0, ask[0], ask[1], number, ask[3], ask[4], tokens, ask[6], ask[7])
        row = self._route(*self._addresses, now, self._out)
        return Placed(row, tokens, Told(*self._told.tolist()))


def choosing(policy: Routing, chooser: Chooser, memory: Memory, models: Mapping[str, int]) -> Plain:
    """A plain policy that asks the chooser where to send among those models that somebody can serve."""
    places, told, clock = Places(policy, memory, models), memory.array("told_"), memory.world["now"]
    begun = False

    def decide(index: int, ask: Ask, table: Table, cached: Cached) -> int:
        nonlocal begun
        if not begun:
            chooser.begin(table, memory.array("outcomes_")["end"])
            begun = True
        now = clock.item()
        placed = places.of(ask, now)
        if all(each.row == NOBODY for each in placed):
            return NOBODY
        chosen = placed[chooser.choose(index, now, ask, placed)]
        if chosen.row != NOBODY:
            told[: len(chosen.told)] = chosen.told
        return chosen.row

    return decide
