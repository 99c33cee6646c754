"""The eligible replica with the fewest requests in flight; ties by a hash draw."""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KEY, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask, mix31


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Least running + waiting."""
    best, fewest, least, ties = -1, 0.0, 0, 0
    for i in range(len(fleet)):
        load = fleet[i, RUNNING] + fleet[i, WAITING]
        if best >= 0 and load > fewest:
            continue
        if eligible(ask, fleet, i):
            draw = mix31(int(fleet[i, KEY]), int(ask.coin))
            if best < 0 or load < fewest:
                best, fewest, least, ties = i, load, draw, 1
            else:
                ties += 1
                if draw < least:
                    best, least = i, draw
    return best, 1.0 / max(ties, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class LeastLoaded(Routing):
    """Fewest requests in flight, as most load balancers count."""

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    uses_cached: ClassVar[bool] = False
