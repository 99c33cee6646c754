"""What a scaling policy is: what it sees of each pool, and the replicas it wants there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policies.perf.latency import LatencyModel
from policies.registry import Registry, strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Where two pools of one model divide its requests, see `policies.boundary`."""

    short: str  # the pool of prompts of up to so many tokens
    long: str  # and that of longer ones
    tokens: float
    gamma: float = 1.0  # prompts of up to so many boundaries that may be compressed are, and go to the short pool


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
    prompt_tokens: float = 0.0  # of those, in sum; without what was cached where that is known
    ended: int = 0  # answers that ended here since the state before
    output_tokens: float = 0.0  # that came here since the state before, of answers ended or not
    judged: int = 0  # of those that ended, the ones of which it is known whether they kept their deadlines
    late: int = 0  # of those judged, the ones that missed one
    lengths: tuple[int, ...] = ()  # requests sent here since the state before, see `policies.scale.lengths`
    answered: tuple[int, ...] = ()  # answers that ended here since the state before, by the class of their prompts
    answer_tokens: tuple[float, ...] = ()  # of those
    wanted: int = -1  # replicas that the decision before asked for; -1: not known
    boundary: Boundary | None = None  # that is in force between this pool and another
    limit_tokens: int = 0  # the longest prompt plus answer that its replicas take; 0: not known
    role: str = "mixed"  # what its replicas do, see `policies.fleet.ROLES`
    perf: LatencyModel | None = None  # of one of its replicas; none where there is none and none is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Replicas that leave one pool for another: a switch of role. What they hold they serve to its end.

    A target that is no pool yet is a pool of that role: prefill, decode, mixed ...
    """

    source: str
    target: str
    replicas: int = 1
    drains: bool = True  # they get nothing new until they are empty; else their new work comes beside what they hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a policy wants; a pool it does not name stays as it is."""

    replicas: Mapping[str, int]  # ready and starting, by pool
    moves: tuple[Move, ...] = ()
    boundaries: tuple[Boundary, ...] = ()  # pools that none of them names stay divided as they are
    why: str = ""  # of the moves and boundaries, for the log


History = Sequence[Mapping[str, PoolState]]
"""States by pool, the latest last; there is one at least."""


class Scaling(Protocol):
    """Decides how many replicas there should be; same history, same answer."""

    @property
    def interval_s(self) -> float:
        """Seconds between two decisions."""

    def wanted(self, history: History, now: float) -> Wish:
        """The replicas wanted at time `now`.

        In the simulator the first history has one state in which nothing is ready yet: what is wanted then is there at
        once, of a pool that is not named all of it. Live there may be many or none.
        """


SCALES: Registry[type[Any]] = Registry("scaling policy", "policies.scale")
scale = SCALES.register


def scaling(name: str, settings: Mapping[str, Any] | None = None) -> Scaling:
    """The scaling policy of that name with those settings; unknown names and keys are errors that list the known."""
    chosen: Scaling = strict(SCALES[name], f"scaling {name}", settings or {})
    return chosen
