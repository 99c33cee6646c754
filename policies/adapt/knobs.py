"""What can be turned of a fleet, what each knob cures, and which must not be turned while another is being tried."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from policies.registry import UnknownName, known


class Failure(Enum):
    """What may be wrong with a request: each is counted apart."""

    FAILED = "failed"  # no replica gave an answer
    LATE_FIRST = "late-first-token"
    LATE_REST = "late-tokens"
    BAD = "bad-answer"  # judged below half
    DEAR = "dear-answer"  # judged, and billed for more than it was worth
    COLD = "cold-cache"  # its engine had less than half of what was expected to be cached
    LONG = "long-session"  # a turn beyond the usual length of sessions


OFF_POLICY, SIMULATED = "off-policy", "simulated"
"""How a turn is checked before anybody is served by it: from logged propensities, or in the simulator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One thing that can be turned."""

    name: str
    cures: tuple[Failure, ...]
    turned: str  # where
    check: str = SIMULATED
    moves: tuple[str, ...] = ()  # knobs whose best setting is another once this one is turned


KNOBS = (
    Knob(name="model", cures=(Failure.BAD, Failure.DEAR), turned="the rules' learn.policy", check=OFF_POLICY,
         moves=("boundary", "budget", "surge")),
    Knob(name="surge", cures=(Failure.LATE_FIRST, Failure.LATE_REST), turned="the rules' learn.objective.surge",
         check=OFF_POLICY, moves=("boundary", "replicas")),
    Knob(name="cascade", cures=(Failure.BAD, Failure.DEAR), turned="a rule's cascade.threshold", moves=("replicas",)),
    Knob(name="replicas", cures=(Failure.FAILED, Failure.LATE_FIRST, Failure.LATE_REST),
         turned="weir pool --scaling act --scaling-set", moves=("roles",)),
    Knob(name="roles", cures=(Failure.LATE_FIRST, Failure.LATE_REST), turned="weir pool --roles switched"),
    Knob(name="boundary", cures=(Failure.LATE_FIRST, Failure.LATE_REST), turned="weir pool --scaling-policy boundary",
         moves=("gamma", "cascade", "replicas")),
    Knob(name="gamma", cures=(Failure.LATE_FIRST,), turned="the boundary's setting compressible",
         moves=("boundary", "replicas")),
    Knob(name="routing", cures=(Failure.COLD, Failure.LATE_FIRST), turned="a RoutePolicy, or weir router --policy"),
    Knob(name="retention", cures=(Failure.COLD,), turned="a pool's retention", moves=("routing",)),
    Knob(name="budget", cures=(Failure.LONG,), turned="the rules' session budgets", moves=("model", "tools")),
    Knob(name="tools", cures=(Failure.LONG, Failure.BAD), turned="the rules' tool rights", moves=("model",)),
)  # fmt: skip
"""In the order in which they are tried: what can be checked from logs first, what costs replicas late."""


def knob(name: str) -> Knob:
    """The knob of that name; raises `UnknownName`."""
    found = next((each for each in KNOBS if each.name == name), None)
    if found is None:
        raise UnknownName(f"there is no knob {name!r}: {known(name, [each.name for each in KNOBS])}")
    return found


def coupled(one: str, other: str) -> bool:
    """Whether turning one moves what is best of the other, whichever way round."""
    return other in knob(one).moves or one in knob(other).moves


def cures(failure: Failure) -> list[Knob]:
    """The knobs that may cure a failure, those first that are tried first."""
    return [each for each in KNOBS if failure in each.cures]


def coupled_with(name: str, others: Iterable[str]) -> list[str]:
    """Those of the others that one is coupled with."""
    return [other for other in others if other != name and coupled(name, other)]
