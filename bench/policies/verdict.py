"""Whether the best policy is the best: means with intervals, and differences paired by seed."""

from collections.abc import Iterator, Sequence
from math import isfinite

from bench.policies.capacity import BEST
from bench.policies.contest import Outcomes
from bench.policies.plan import Outcome
from bench.policies.workload import Trace
from sims.statistics import Comparison, Interval, compare, interval

TTFT, GOODPUT, COST = "ttft_p90_s", "goodput", "usd_per_thousand"
SHOWN = (TTFT, GOODPUT, "in_ttft", "ttft_p50_s", "ttft_p99_s", "tpot_mean_s", "cached", "prediction_error")

Figures = dict[str, float | bool]


def values(outcomes: Sequence[Outcome], of: str) -> list[float]:
    """One figure, a value a seed."""
    return [float(getattr(outcome, of)) for outcome in outcomes]


def over_seeds(outcomes: Sequence[Outcome], of: str) -> Interval:
    """Its mean and 95 % interval."""
    return interval(values(outcomes, of))


def against(found: Outcomes, rival: str, of: str) -> Comparison:
    """The best policy minus another one, seed by seed."""
    return compare(values(found[BEST], of), values(found[rival], of))


def rivals(found: Outcomes) -> list[str]:
    """All the others."""
    return [policy for policy in found if policy != BEST]


def is_fastest(found: Outcomes) -> bool:
    """Lowest p90 TTFT of all, in the mean over seeds."""
    return all(against(found, rival, TTFT).difference.mean < 0.0 for rival in rivals(found))


def is_undominated(found: Outcomes) -> bool:
    """Nobody has both a lower p90 TTFT and a lower cost, in the means over seeds."""
    gaps = ([against(found, rival, of).difference.mean for of in (TTFT, COST)] for rival in rivals(found))
    return not any(ttft > 0.0 and cost > 0.0 for ttft, cost in gaps)


def is_best(trace: Trace, found: Outcomes) -> bool:
    """Lowest p90 TTFT and highest goodput of all, in the mean over seeds."""
    return is_fastest(found) and all(against(found, rival, GOODPUT).difference.mean > 0.0 for rival in rivals(found))


def is_beyond_chance(found: Outcomes) -> bool:
    """Whether every paired interval leaves zero out."""
    return all(against(found, rival, of).decided for rival in rivals(found) for of in (TTFT, GOODPUT))


def figures(trace: str, found: Outcomes) -> Iterator[tuple[str, float | bool]]:
    """The flat figures of one trace."""
    for policy, outcomes in found.items():
        for of in (TTFT, GOODPUT, COST):
            over = over_seeds(outcomes, of)
            yield f"{trace}_{policy}_{of}", round(over.mean, 4)
            if isfinite(over.half):
                yield f"{trace}_{policy}_{of}_half", round(over.half, 4)
    yield f"{trace}_fastest", is_fastest(found)
    yield f"{trace}_undominated", is_undominated(found)
    yield f"{trace}_beyond_chance", is_beyond_chance(found)
