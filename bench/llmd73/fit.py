"""One slowdown and one frontend constant, on the precise policy's run alone; everything else is published.

The slowdown is the one whose worst stage is least off: the step model is too quick for a nearly idle engine and too
slow for a full one whose requests share prefixes, and no slowdown mends that; so the stages that it is too quick for
and those that it is too slow for are off by the same factor. The frontend constant is the one whose mean TTFT is the
report's. Throughput falls nearly as one over the slowdown, TTFT rises as the constant: a few steps do. The choice
matters: matching the mean throughput instead gives a slowdown some 5 % lower, and load then comes out 16 % too high.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from bench.llmd73.published import PRECISE, REPORTED
from bench.llmd73.stages import Ran

START = (1.2, 0.2)  # policies.perf's default slowdown; about what its sheets say of a gateway with long prompts
NEAR = 0.02  # difference of the two factors at which to stop: chance is about that of three seeds
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The two constants, and how they do."""

    slowdown: float
    frontend_s: float
    worst: float  # stage of the precise policy, as a fraction of its reported throughput
    ttft_error_s: float


Precise = Callable[[float, float], list[Ran]]
"""The precise policy's runs, one a seed, under a slowdown and a frontend constant."""


def fitted(precise: Precise) -> Fitted:
    """The constants; of those tried the ones whose worst stage is least off."""
    slowdown, frontend_s = START
    tried: list[Fitted] = []
    for _ in range(TRIES):
        ran = precise(slowdown, frontend_s)
        quick, slow = factors(ran)
        late_s = fmean(fmean(each.stages.ttft_s) for each in ran) - fmean(REPORTED[PRECISE].ttft_s)
        worst = max(quick - 1.0, 1.0 - slow)
        tried.append(Fitted(slowdown=slowdown, frontend_s=frontend_s, worst=worst, ttft_error_s=late_s))
        if abs(quick * slow - 1.0) < NEAR:
            break
        slowdown, frontend_s = slowdown * sqrt(quick * slow), max(frontend_s - late_s, 0.0)
    return min(tried, key=lambda each: each.worst)


def factors(ran: Sequence[Ran]) -> tuple[float, float]:
    """The greatest and the least of simulated over reported throughput, over the stages; means over seeds."""
    simulated = [fmean(stage) for stage in zip(*(each.stages.tokens_per_s for each in ran), strict=True)]
    each = [one / other for one, other in zip(simulated, REPORTED[PRECISE].tokens_per_s, strict=True)]
    return max(each), min(each)
