"""Any eligible replica, each as likely: a hash draw, not a random number."""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KEY, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask, mix31


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The eligible replica with the least hash of (replica, coin)."""
    best, least, n = -1, 1 << 31, 0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            n += 1
            draw = mix31(int(fleet[i, KEY]), int(ask.coin))
            if draw < least:
                best, least = i, draw
    return best, 1.0 / max(n, 1)


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class Random(Routing):
    """Uniform over the eligible replicas."""

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    uses_cached: ClassVar[bool] = False
