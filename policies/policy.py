"""What a policy is: frozen settings and one question."""

from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from policies.boundary import bounded
from policies.cached import Cached
from policies.decision import NOBODY, Decision, Queue, Refusal, Send, Shed
from policies.fleet import Table
from policies.registry import Registry, strict
from policies.request import Ask, Request
from policies.split import partner

Settings = npt.NDArray[np.float64]
"""A policy's numeric settings in the order of its fields: what a kernel can read."""


class Kernel(Protocol):
    """The numeric heart of a routing policy: the chosen replica's row (-1: none) and the choice's propensity."""

    def __call__(self, ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
        """Choose among the eligible replicas."""


@runtime_checkable
class Policy(Protocol):
    """Decides where a request goes; same inputs, same answer, in any process."""

    def decide(self, request: Request, fleet: Table, cached: Cached, now: float) -> Decision:
        """The decision for one request at time `now` (seconds, any origin)."""


OURS = "weir"
"""The origin of Weir's own policies."""


class Routing:
    """A routing policy: a frozen dataclass of float settings around a kernel."""

    __slots__ = ()
    kernel: ClassVar[Kernel]
    origin: ClassVar[str] = OURS  # whose idea it is: Weir's own, or the project a peer's policy comes from
    breaks: ClassVar[Mapping[str, str]] = {}  # laws of routing that its published formula breaks, each with the reason

    # What the kernel reads of requests in flight (RUNNING, WAITING, QUEUED_TOKENS, KV_USED ...): "own": the router's
    # own count of what it sent | "scraped": the engines' metrics as last scraped, and so out of date.
    reads_load: ClassVar[str] = "own"

    # What the kernel reads of prefixes: "events": the engines' KV events | "history": what the router itself sent
    # where, in an index with bounds. A kernel that reads neither says so by `uses_cached`: nobody need look it up.
    uses_cached: ClassVar[bool] = True
    reads_cache: ClassVar[str] = "events"
    history_tokens: ClassVar[int] = 0  # tokens that a history keeps per replica, the least recent leave; 0: all
    history_match_tokens: ClassVar[int] = 0  # most leading tokens that a history compares; 0: the whole prompt

    def decide(self, request: Request, fleet: Table, cached: Cached, now: float) -> Decision:
        """Run the kernel as plain Python and put its answer in words."""
        row, propensity = bounded(type(self).kernel)(request.ask, fleet, cached, self.settings(), now)
        decode = partner(request.ask, fleet, int(row)) if row != NOBODY else NOBODY
        return answer(self.name(), int(row), float(propensity), bool(len(fleet)), decode)

    def settings(self) -> Settings:
        """This policy's settings as the array its kernel reads."""
        return np.array(astuple(self) or (0.0,), dtype=np.float64)  # type: ignore[call-overload]

    @classmethod
    def name(cls) -> str:
        """The file's stem."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def setting_names(cls) -> list[str]:
        """The settings it takes, in the order of the array."""
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]


def answer(why: str, row: int, propensity: float, fleet_known: bool, decode: int = NOBODY) -> Decision:
    """A kernel's row as a decision: nobody eligible means wait for one, or refuse where there is no fleet at all.

    `decode` is the row that is to decode, where another one than the kernel's.
    """
    if row != NOBODY:
        return Send(row, row if decode == NOBODY else decode, why, propensity)
    return Queue("no replica is ready") if fleet_known else Shed(Refusal.NO_REPLICA)


ROUTES: Registry[type[Routing]] = Registry("routing policy", "policies.route", "policies.route.peers")
route = ROUTES.register


def routing(name: str, settings: Mapping[str, Any] | None = None) -> Routing:
    """The routing policy of that name with those settings; unknown names and keys are errors that list the known."""
    return strict(ROUTES[name], f"policy {name}", settings or {})


def routing_names(*, peers: bool | None = None) -> list[str]:
    """The names of all routing policies, sorted: `peers` True for those of other projects alone, False for Weir's."""
    return [policy.name() for policy in ROUTES if peers is None or (policy.origin != OURS) == peers]
