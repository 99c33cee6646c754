"""What the runs say: hours at equal lateness beside the clairvoyant's and the others', with intervals."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import mean, stdev

from bench.autoscale.contest import ALLOWED, ORACLE, OURS
from bench.autoscale.fitting import Fit
from bench.autoscale.trial import Outcome
from bench.autoscale.week import Days

TARGETS = {
    "kept": {"least": 1.0 - ALLOWED}, "gpu_hours_over_clairvoyant": {"most": 1.15}, "fewer_than_best": {"least": 0.15},
    "reversals_a_day": {"most": 2.0},
}  # fmt: skip
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}
"""Half of a 95 % interval in standard errors, by the number of seeds."""

Fits = Mapping[str, Fit]
Found = Sequence[Mapping[str, Outcome]]


def figures(fits: Fits, found: Found, days: Days) -> dict[str, float | str]:
    """Ours as it ran beside the clairvoyant at the share allowed, and beside the best other at our share."""
    mine = [each[OURS] for each in found]
    ideal = [_hours(fits[ORACLE], each[ORACLE], ALLOWED) for each in found]
    rivals = [name for name, one in fits.items() if name not in (OURS, ORACLE) and one.keeps]
    results: dict[str, float | str] = {
        "kept": mean(each.kept for each in mine),
        "kept_worst_seed": min(each.kept for each in mine),
        "kept_worst_day": min(each.worst_day for each in mine),
        "gpu_hours_over_clairvoyant": mean(one.gpu_hours / best for one, best in zip(mine, ideal, strict=True)),
        "reversals_a_day": mean(each.reversals_a_day for each in mine),
        "days": float(days.count), "seeds": float(len(found)),
    }  # fmt: skip
    results |= _against(fits, found, rivals)
    for name in fits:
        results |= _own(name, [each[name] for each in found], fits[name], days)
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in results.items()}


def _against(fits: Fits, found: Found, rivals: Sequence[str]) -> dict[str, float | str]:
    """Shares of hours fewer than the best rival: at our share of the whole, and where every day keeps what it must."""
    if not rivals:
        return {"best": "none keeps the deadlines", "fewer_than_best": 1.0, "fewer_where_every_day_keeps": 1.0}
    fewer = {name: [_fewer(fits[name], each, name) for each in found] for name in rivals}
    best = min(fewer, key=lambda name: mean(fewer[name]))
    daily = {
        name: mean(_daily(fits[name], each[name]) for each in found) for name in (OURS, *rivals)
    }  # fmt: skip
    return {
        "best": best,
        "fewer_than_best": mean(fewer[best]),
        "fewer_than_best_interval": interval(fewer[best]),
        "fewer_where_every_day_keeps": 1.0 - daily[OURS] / min(daily[name] for name in rivals),
        "clairvoyant_fewer_than_best": mean(_limit(fits, each, best) for each in found),
    }


def _own(name: str, outcomes: Sequence[Outcome], fit: Fit, days: Days) -> dict[str, float | str]:
    hours = [each.gpu_hours / days.count for each in outcomes]
    return {
        f"{name}_setting": fit.setting,
        f"{name}_kept": mean(each.kept for each in outcomes),
        f"{name}_worst_day": min(each.worst_day for each in outcomes),
        f"{name}_gpu_hours_a_day": mean(hours),
        f"{name}_gpu_hours_a_day_interval": interval(hours),
        f"{name}_reversals_a_day": mean(each.reversals_a_day for each in outcomes),
    }


def interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean; 0 of one value."""
    if len(values) < 2:
        return 0.0
    return STUDENT.get(len(values), 1.96) * stdev(values) / sqrt(len(values))


def holds(results: Mapping[str, float | str]) -> bool:
    """Whether every target is met."""
    return all(
        bound.get("least", -1e18) <= float(results[name]) <= bound.get("most", 1e18) for name, bound in TARGETS.items()
    )


def told(outcome: Outcome) -> str:
    """One outcome in a line."""
    return (
        f"{outcome.kept:.4f} kept, {outcome.worst_day:.4f} on the worst day, {outcome.gpu_hours:,.0f} GPU-hours, "
        f"{outcome.reversals_a_day:.1f} reversals a day"
    )


def _hours(fit: Fit, outcome: Outcome, aim: float) -> float:
    return fit.hours_at(outcome.gpu_hours, outcome.late, aim)


def _fewer(fit: Fit, outcomes: Mapping[str, Outcome], name: str) -> float:
    return 1.0 - outcomes[OURS].gpu_hours / _hours(fit, outcomes[name], outcomes[OURS].late)


def _limit(fits: Fits, outcomes: Mapping[str, Outcome], name: str) -> float:
    """What a schedule that knows the requests beforehand would save over a rule, both as late as ours."""
    aim = outcomes[OURS].late
    return 1.0 - _hours(fits[ORACLE], outcomes[ORACLE], aim) / _hours(fits[name], outcomes[name], aim)


def _daily(fit: Fit, outcome: Outcome) -> float:
    """GPU-hours at which the worst day would have kept what it must."""
    return fit.hours_at(outcome.gpu_hours, 1.0 - outcome.worst_day, ALLOWED)
