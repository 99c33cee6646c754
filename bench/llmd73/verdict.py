"""Simulated beside reported: throughput, order and knees of the four policies."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from bench.llmd73.fit import Fitted
from bench.llmd73.published import LADDER, LOAD, RANDOM, REPORTED
from bench.llmd73.stages import Ran, knee

WITHIN = 0.15  # of the reported mean throughput
STAGES_OFF = 1
TIED = 0.05  # reported throughputs closer than that are not told apart: random and load are 4 % apart


def throughput(ran: Sequence[Ran]) -> float:
    """Output tokens a second, mean over stages and seeds."""
    return fmean(each.stages.throughput for each in ran)


def ttft(ran: Sequence[Ran]) -> list[float]:
    """Mean TTFT of every stage, mean over seeds."""
    return [fmean(stage) for stage in zip(*(each.stages.ttft_s for each in ran), strict=True)]


def error(policy: str, ran: Sequence[Ran]) -> float:
    """Simulated throughput over the reported one, less one."""
    return throughput(ran) / REPORTED[policy].throughput - 1.0


def knee_off(policy: str, ran: Sequence[Ran]) -> int | None:
    """Stages from the reported knee to the simulated one; None where only one of the two has any."""
    found, wanted = knee(ttft(ran)), knee(REPORTED[policy].ttft_s)
    if found is None or wanted is None:
        return 0 if found is wanted else None
    return found - wanted


def ordered(runs: Mapping[str, Sequence[Ran]], tied: float) -> bool:
    """Whether any two policies whose reported throughputs differ by more than `tied` come in the same order."""
    for one in runs:
        for other in runs:
            ahead = REPORTED[one].throughput > (1.0 + tied) * REPORTED[other].throughput
            if ahead and throughput(runs[one]) <= throughput(runs[other]):
                return False
    return True


def summary(fit: Fitted, runs: Mapping[str, Sequence[Ran]]) -> dict[str, Any]:
    """Figures and targets."""
    errors = {policy: error(policy, ran) for policy, ran in runs.items()}
    knees = {policy: knee_off(policy, ran) for policy, ran in runs.items()}
    worst = max(map(abs, errors.values()))
    off = max((abs(each) if each is not None else len(LADDER)) for each in knees.values())
    order = ordered(runs, TIED)
    found: dict[str, Any] = {"order": order, "worst_throughput_error": round(worst, 3), "worst_knee_off": off}
    found |= {"slowdown": round(fit.slowdown, 3), "frontend_s": round(fit.frontend_s, 3)}
    found["random_before_load"] = throughput(runs[RANDOM]) > throughput(runs[LOAD])
    for policy, ran in runs.items():
        found |= _figures(policy, ran, errors[policy], knees[policy])
    target = {"order": True, "worst_throughput_error": {"most": WITHIN}, "worst_knee_off": {"most": STAGES_OFF}}
    met = order and worst <= WITHIN and off <= STAGES_OFF
    return {"name": "llmd73", "figures": found, "target": target, "met": met}


def _figures(policy: str, ran: Sequence[Ran], off: float, knee_off: int | None) -> dict[str, Any]:
    return {
        f"{policy}_tokens_per_s": round(throughput(ran), 1),
        f"{policy}_error": round(off, 3),
        f"{policy}_knee_off": knee_off,
        f"{policy}_ttft_mean_s": round(fmean(ttft(ran)), 3),
        f"{policy}_ttft_reported_s": round(fmean(REPORTED[policy].ttft_s), 3),
        f"{policy}_cached": round(fmean(fmean(each.cached) for each in ran), 3),
    }


def table(runs: Mapping[str, Sequence[Ran]]) -> str:
    """Every stage of every policy: output tokens a second and mean TTFT, reported and simulated."""
    lines = [f"{'requests/s':24}" + "".join(f"{rate:8.0f}" for rate, _ in LADDER)]
    for policy, ran in runs.items():
        rates = [fmean(stage) for stage in zip(*(each.stages.tokens_per_s for each in ran), strict=True)]
        for what, values, digits in (
            ("tokens/s, reported", REPORTED[policy].tokens_per_s, 0),
            ("tokens/s, simulated", rates, 0),
            ("TTFT s, reported", REPORTED[policy].ttft_s, 2),
            ("TTFT s, simulated", ttft(ran), 2),
        ):
            lines.append(f"{policy:12}{what:20}" + "".join(f"{value:8.{digits}f}" for value in values))
    return "\n".join(lines)
