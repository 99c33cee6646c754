"""Two eligible replicas by hash draw, the less loaded of them."""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KEY, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask, mix31


@compilable
def load(fleet: Table, i: int) -> float:
    """Requests in flight at replica i."""
    return float(fleet[i, RUNNING] + fleet[i, WAITING])


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The less loaded of the two replicas with the least hashes; the propensity counts the pairs that it wins."""
    first, second, least, next_least, n = -1, -1, 1 << 31, 1 << 31, 0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            n += 1
            draw = mix31(int(fleet[i, KEY]), int(ask.coin))
            if draw < least:
                second, next_least = first, least
                first, least = i, draw
            elif draw < next_least:
                second, next_least = i, draw
    if second < 0:
        return first, 1.0
    chosen = first if load(fleet, first) <= load(fleet, second) else second
    mine, wins = load(fleet, chosen), 0.0
    for i in range(len(fleet)):
        if i != chosen and eligible(ask, fleet, i):
            other = load(fleet, i)
            wins += 2.0 if other > mine else (1.0 if other == mine else 0.0)
    return chosen, wins / (n * (n - 1))


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoChoices(Routing):
    """The power of two choices."""

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    uses_cached: ClassVar[bool] = False
