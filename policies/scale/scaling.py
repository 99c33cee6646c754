"""What a scaling policy is: what it sees of each pool, and the replicas it wants there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policies.registry import Registry, strict


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """One pool at one time."""

    pool: str
    at: float  # seconds
    ready: int
    starting: int
    draining: int
    most: int  # replicas there can be
    running: float  # requests in batches, of the ready and the draining
    waiting: float  # requests at replicas and not in a batch
    held: float  # requests at the router that no replica has been found for; a share of all where pools share a model
    slots: int  # requests that one replica may run at once
    kv_share: float  # mean share of the ready replicas' KV tokens that is in use
    arrived: int  # requests sent here since the state before


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Replicas that leave one pool for another once they have served what they hold: a switch of role."""

    source: str
    target: str
    replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a policy wants; a pool it does not name stays as it is."""

    replicas: Mapping[str, int]  # ready and starting, by pool
    moves: tuple[Move, ...] = ()


History = Sequence[Mapping[str, PoolState]]
"""States by pool, the latest last; there is one at least."""


class Scaling(Protocol):
    """Decides how many replicas there should be; same history, same answer."""

    @property
    def interval_s(self) -> float:
        """Seconds between two decisions."""

    def wanted(self, history: History, now: float) -> Wish:
        """The replicas wanted at time `now`; the first history has one state in which nothing is ready yet."""


SCALES: Registry[type[Any]] = Registry("scaling policy", "policies.scale")
scale = SCALES.register


def scaling(name: str, settings: Mapping[str, Any] | None = None) -> Scaling:
    """The scaling policy of that name with those settings; unknown names and keys are errors that list the known."""
    chosen: Scaling = strict(SCALES[name], f"scaling {name}", settings or {})
    return chosen
