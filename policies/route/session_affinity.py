"""The same session to the same replica, by rendezvous hashing; a request without a session goes by load."""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import KEY, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask, mix31
from policies.route.least_loaded import kernel as least_loaded


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """The eligible replica with the least hash of (replica, session): only its own sessions move when one leaves."""
    if ask.session == 0.0:
        row, propensity = least_loaded(ask, fleet, cached, settings, now)
        return row, propensity
    best, least = -1, 1 << 31
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            draw = mix31(int(fleet[i, KEY]), int(ask.session))
            if draw < least:
                best, least = i, draw
    return best, 1.0


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAffinity(Routing):
    """Sticky sessions."""

    kernel: ClassVar[Kernel] = staticmethod(kernel)
    uses_cached: ClassVar[bool] = False
