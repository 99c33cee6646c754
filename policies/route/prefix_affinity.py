"""The longest cached prefix, unless that replica is overloaded against the others: affinity with a load guard."""

from dataclasses import dataclass
from typing import ClassVar

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import HBM, KEY, RUNNING, WAITING, Table
from policies.policy import Kernel, Routing, Settings, route
from policies.predict import eligible
from policies.request import Ask, mix31
from policies.route.least_loaded import kernel as least_loaded


@compilable
def kernel(ask: Ask, fleet: Table, cached: Cached, settings: Settings, now: float) -> tuple[int, float]:
    """Longest prefix among replicas whose load is within settings[1]·mean + settings[2]; else least loaded."""
    n, total = 0, 0.0
    for i in range(len(fleet)):
        if eligible(ask, fleet, i):
            n += 1
            total += fleet[i, RUNNING] + fleet[i, WAITING]
    bound = settings[1] * total / max(n, 1) + settings[2]
    longest, best, least, ties = settings[0] * ask.prompt_tokens, -1, 0, 0
    for i in range(len(fleet)):
        held = cached[i, HBM]
        if (
            held > 0.0
            and held >= longest
            and eligible(ask, fleet, i)
            and fleet[i, RUNNING] + fleet[i, WAITING] <= bound
        ):
            draw = mix31(int(fleet[i, KEY]), int(ask.coin))
            if held > longest or best < 0:
                longest, best, least, ties = held, i, draw, 1
            else:
                ties += 1
                if draw < least:
                    best, least = i, draw
    if best >= 0:
        return best, 1.0 / ties
    row, propensity = least_loaded(ask, fleet, cached, settings, now)
    return row, propensity


@route
@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixAffinity(Routing):
    """Cache-aware routing as the field does it: match first, balance when the loads part."""

    match: float = 0.3  # share of the prompt that must be held before affinity counts
    relative: float = 1.5  # a replica is overloaded above relative x mean load ...
    absolute: float = 8.0  # ... + absolute requests

    kernel: ClassVar[Kernel] = staticmethod(kernel)
