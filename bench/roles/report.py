"""The table, the figures and the verdict."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from bench.roles.contest import Outcome
from sims.statistics import Interval, interval

LEAST = 0.95


def over(outcomes: Sequence[Outcome], side: str) -> Interval:
    """Requests a second that kept both deadlines."""
    return interval([outcome.sides[side].good / outcome.span_s for outcome in outcomes])


def shares(outcomes: Sequence[Outcome], side: str, beside: str) -> Interval:
    """One side's goodput over another's, seed by seed."""
    return interval([outcome.sides[side].good / max(outcome.sides[beside].good, 1) for outcome in outcomes])


def best(outcomes: Sequence[Outcome], prefix: str) -> str:
    """The side of the most goodput among those whose name begins so."""
    return max(
        (side for side in outcomes[0].sides if side.startswith(prefix)), key=lambda side: over(outcomes, side).mean
    )


def total(outcomes: Sequence[Outcome], side: str, of: str) -> int:
    """A count over all seeds."""
    return sum(int(getattr(outcome.sides[side], of)) for outcome in outcomes)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The flat figures."""
    flat: dict[str, Any] = {"seeds": len(outcomes), "requests": sum(outcome.requests for outcome in outcomes)}
    for side in outcomes[0].sides:
        flat |= _pair(f"{side}_goodput_rps", over(outcomes, side), 3)
    fixed, min_load = best(outcomes, "fixed_"), best(outcomes, "min_load_")
    flat |= {"best_fixed": fixed, "best_min_load": min_load}
    for name, beside in (("oracle", "oracle"), ("best_fixed", fixed), ("best_min_load", min_load)):
        flat |= _pair(f"policy_over_{name}", shares(outcomes, "policy", beside), 4)
    for kind in outcomes[0].by_kind["policy"]:
        for side in ("policy", "oracle", fixed, min_load):
            kept = interval([outcome.by_kind[side][kind] for outcome in outcomes])
            flat[f"{kind}_{side}_share"] = round(kept.mean, 4)
    return flat | {
        "policy_lost": total(outcomes, "policy", "lost"),
        "policy_switches_a_seed": round(total(outcomes, "policy", "switches") / len(outcomes), 1),
        "policy_reversals_a_seed": round(total(outcomes, "policy", "reversals") / len(outcomes), 2),
    }


def target() -> dict[str, Any]:
    """What each figure must be; a fixed split must be beaten wherever the oracle beats it."""
    return {
        "policy_over_oracle": {"least": LEAST},
        "policy_over_best_fixed": {"least": 1.0},
        "policy_lost": 0,
        "live_lost": 0,
    }


def met(outcomes: Sequence[Outcome]) -> bool:
    """Whether the policy is where it should be on the mean of all seeds."""
    fixed = best(outcomes, "fixed_")
    above = shares(outcomes, "policy", fixed).mean >= 1.0 or shares(outcomes, "oracle", fixed).mean < 1.0
    near = shares(outcomes, "policy", "oracle").mean >= LEAST
    return bool(near and above and total(outcomes, "policy", "lost") == 0)


def table(outcomes: Sequence[Outcome]) -> str:
    """One row a side, in markdown."""
    return "\n".join(_rows(outcomes))


def _rows(outcomes: Sequence[Outcome]) -> Iterator[str]:
    kinds = list(outcomes[0].by_kind["policy"])
    yield f"| side | goodput/s | {' | '.join(f'{kind} in time' for kind in kinds)} | lost | switches | reversals |"
    yield "|---" * (5 + len(kinds)) + "|"
    for side in sorted(outcomes[0].sides, key=lambda side: -over(outcomes, side).mean):
        goodput = over(outcomes, side)
        kept = [interval([outcome.by_kind[side][kind] for outcome in outcomes]).mean for kind in kinds]
        counts = [total(outcomes, side, of) / len(outcomes) for of in ("lost", "switches", "reversals")]
        cells = [f"{goodput.mean:.2f} ± {goodput.half:.2f}", *(f"{share:.1%}" for share in kept)]
        yield f"| {side} | " + " | ".join([*cells, *(f"{count:g}" for count in counts)]) + " |"


def _pair(name: str, of: Interval, digits: int) -> dict[str, float]:
    half = {f"{name}_half": round(of.half, digits)} if isfinite(of.half) else {}
    return {name: round(of.mean, digits)} | half
