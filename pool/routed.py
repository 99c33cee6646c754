"""What routers say of requests: totals that only rise here, whoever begins anew, falls silent or says a thing twice.

A router tells what it counted since it began. What is new since its last word is added up, by pool and role; so a word
that is lost is in the next one, and one that comes twice or late adds nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from time import monotonic
from typing import Any, Self

from policies.scale.lengths import CLASSES
from weir.v1 import fleet_pb2

SILENT_S = 5.0  # nobody waits any more at a router that was not heard for so long
FORGOTTEN_S = 60.0  # what one that comes back after so long has counted meanwhile is not counted: it is no rate of now
FRESH_S = 10.0  # what a router that began so lately has counted nobody has counted before
MOST_ROUTERS, MOST_POOLS = 4096, 4096  # that are told apart; the words of more are not taken

Key = tuple[str, str]
"""Pool and role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests of one pool and role, since some time."""

    arrived: int = 0
    prompt_tokens: int = 0
    ended: int = 0
    output_tokens: int = 0
    judged: int = 0
    late: int = 0
    lengths: tuple[int, ...] = ()  # by class of length, see `policies.scale.lengths`; empty where nothing is said
    answered: tuple[int, ...] = ()
    answer_tokens: tuple[int, ...] = ()

    @classmethod
    def of(cls, told: fleet_pb2.PoolDemand) -> Self:
        """As a router says them."""
        made: dict[str, Any] = {name: getattr(told, name) for name in NUMBERS}
        made |= {name: tuple(getattr(told, name)[:CLASSES]) for name in BY_CLASS}
        return cls(**made)

    def __add__(self, other: "Counts") -> "Counts":
        return self._with(other, lambda mine, theirs: mine + theirs)

    def since(self, before: "Counts") -> "Counts":
        """What was added; nothing is ever taken away."""
        return self._with(before, lambda mine, theirs: max(mine - theirs, 0))

    def _with(self, other: "Counts", both: Callable[[int, int], int]) -> "Counts":
        made: dict[str, Any] = {name: both(getattr(self, name), getattr(other, name)) for name in NUMBERS}
        for name in BY_CLASS:
            pairs = zip_longest(getattr(self, name), getattr(other, name), fillvalue=0)
            made[name] = tuple(both(*pair) for pair in pairs)
        return Counts(**made)


BY_CLASS = ("lengths", "answered", "answer_tokens")
NUMBERS = tuple(each.name for each in fields(Counts) if each.name not in BY_CLASS)
NONE = Counts()

Totals = Mapping[Key, Counts]


@dataclass(slots=True)
class Router:
    """One life of one router."""

    heard_at: float  # monotonic seconds
    age_s: float = -1.0  # as it said last
    counts: dict[Key, Counts] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Routed:
    """What all routers said."""

    clock: Callable[[], float] = field(default=monotonic)
    totals: dict[Key, Counts] = field(default_factory=dict)
    _routers: dict[str, Router] = field(default_factory=dict)

    def hear(self, told: fleet_pb2.Demand) -> None:
        """A router says what it counted, and who waits there."""
        now, known = self.clock(), self._routers.get(told.router)
        if known is None or now - known.heard_at >= FORGOTTEN_S:
            known = None
            self._forget(now)
        if known is None and len(self._routers) >= MOST_ROUTERS:
            return
        fresh = known is not None or told.age_s <= FRESH_S
        router = self._routers.setdefault(told.router, Router(now))
        router.heard_at = now
        if told.age_s <= router.age_s:  # it was overtaken on the way
            return
        router.age_s, router.held = told.age_s, dict(told.held)
        for each in told.pools[:MOST_POOLS]:
            self._count(router, (each.pool, each.role), Counts.of(each), fresh=fresh)

    def held(self) -> dict[str, int]:
        """Requests that wait at routers because nobody is ready, by model."""
        found, now = dict[str, int](), self.clock()
        for router in self._routers.values():
            if now - router.heard_at < SILENT_S:
                for model, count in router.held.items():
                    found[model] = found.get(model, 0) + count
        return found

    def routers(self) -> int:
        """How many were heard lately."""
        now = self.clock()
        return sum(now - router.heard_at < SILENT_S for router in self._routers.values())

    def _count(self, router: Router, key: Key, counts: Counts, *, fresh: bool) -> None:
        before = router.counts.get(key, NONE if fresh else counts)
        router.counts[key] = before + counts.since(before)
        if key in self.totals or len(self.totals) < MOST_POOLS:
            self.totals[key] = self.totals.get(key, NONE) + counts.since(before)

    def _forget(self, now: float) -> None:
        for name in [name for name, one in self._routers.items() if now - one.heard_at >= FORGOTTEN_S]:
            del self._routers[name]
