"""The one setting of a rule at which as much is kept as at another's, and how its hours go with lateness."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log

from bench.autoscale.trial import Outcome

TRIES = 4
NEAR = 0.04
"""Lateness this near to the one aimed at ends the search; what is left is made up for by `Fit.hours_at`."""

FAR = 1.25
"""So many times as late as aimed at, at its most careful, and a rule is said not to keep the deadlines."""

FLAT, SHARP = 0.1, 1.0
"""Bounds of `Fit.slope`: hours go down as the lateness to this power goes up."""

Trial = Callable[[float], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a search found."""

    setting: float
    outcome: Outcome
    slope: float  # logarithm of hours saved for one of lateness more, between the two trials nearest to the aim
    keeps: bool

    def hours_at(self, hours: float, late: float, aim: float) -> float:
        """What a run of so many hours and so much late would have taken at another lateness near by."""
        return hours * exp(self.slope * log(max(late, 1e-9) / aim))


def fit(trial: Trial, low: float, high: float, aim: float) -> Fit:
    """The setting between two that is as late as aimed at; the higher, the later, and the fewer hours."""
    tried = {low: trial(low)}
    if tried[low].late > FAR * aim:
        return _found(tried, aim, keeps=False)
    tried[high] = trial(high)
    for _ in range(TRIES):
        if min(_off(one, aim) for one in tried.values()) <= NEAR:
            break
        between = _next(tried, aim)
        if between in tried:
            break
        tried[between] = trial(between)
    return _found(tried, aim, keeps=True)


def _found(tried: dict[float, Outcome], aim: float, *, keeps: bool) -> Fit:
    setting = min(tried, key=lambda one: _off(tried[one], aim))
    others = sorted((one for one in tried if one != setting), key=lambda one: _off(tried[one], aim))
    slope = _slope(tried[setting], tried[others[0]]) if others else FLAT
    return Fit(setting=setting, outcome=tried[setting], slope=slope, keeps=keeps)


def _next(tried: dict[float, Outcome], aim: float) -> float:
    """Where a straight line in logarithms meets the aim, within the nearest settings on either side."""
    below = max((one for one in tried if tried[one].late <= aim), default=min(tried))
    above = min((one for one in tried if tried[one].late > aim), default=max(tried))
    lates = [log(max(tried[one].late, 1e-6)) for one in (below, above)]
    share = 0.5 if lates[0] == lates[1] else (log(aim) - lates[0]) / (lates[1] - lates[0])
    return exp(log(below) + min(max(share, 0.1), 0.9) * (log(above) - log(below)))


def _slope(one: Outcome, other: Outcome) -> float:
    lates, hours = log(max(one.late, 1e-9) / max(other.late, 1e-9)), log(one.gpu_hours / other.gpu_hours)
    return min(max(-hours / lates, FLAT), SHARP) if lates else FLAT


def _off(outcome: Outcome, aim: float) -> float:
    return abs(log(outcome.late / aim)) if outcome.late > 0.0 else inf
