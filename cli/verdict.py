"""What came of a comparison: figures, table, sentences, and whether the machine could keep up."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cli.comparison import as_json, sentences, table
from cli.contest import Turn
from cli.plan import Plan
from sims.report import Summary, summarise

if TYPE_CHECKING:
    from rich.console import Console

LATE_S = 0.05  # a load generator that is later than this at p99, in real seconds, measures itself
BUSY = 0.9  # of a processor, for a process with one thread
WAITED = 0.1  # of the time, for a processor that others used


def verdict(plan: Plan, turns: Sequence[Turn], screen: "Console") -> dict[str, Any]:
    """Print the comparison and return it for JSON."""
    slo = (plan.fleet.slo.ttft_s, plan.fleet.slo.tpot_s)
    summaries = {
        turn.policy: summarise(turn.records, usd_per_hour=plan.usd_per_hour, slo=slo, warmup_s=plan.warmup_s)
        for turn in turns
    }
    said = sentences(summaries)
    screen.print(table(summaries, f"{plan.rate_rps:.1f} requests/s; * best, or within 1 % of it"))
    screen.print(machine(summaries, turns, plan.time_scale), *said, sep="\n", soft_wrap=True)
    return {
        "fleet": str(plan.fleet_path.name),
        "workload": plan.source.name,
        "seed": plan.source.seed,
        "requests": len(plan.arrivals),
        "rate_rps": plan.rate_rps,
        "capacity_rps": plan.capacity_rps,
        "time_scale": plan.time_scale,
        "span_s": plan.span_s,
        "warmup_s": plan.warmup_s,
        "slo": {"ttft_s": slo[0], "tpot_s": slo[1]},
        "usd_per_hour": plan.usd_per_hour,
        "policies": as_json(summaries),
        "cores_busy": {turn.policy: turn.cores for turn in turns},
        "waits": {turn.policy: turn.waits for turn in turns},
        "wall_s": {turn.policy: turn.wall_s for turn in turns},
        "sentences": said,
    }


def machine(summaries: dict[str, Summary], turns: Sequence[Turn], time_scale: float) -> str:
    """Whether the figures are the fleet's rather than this machine's."""
    late_s = max(summary.lag_p99_s for summary in summaries.values()) / time_scale
    busiest, cores = _most([turn.cores for turn in turns])
    waiter, waited = _most([turn.waits for turn in turns])
    total = max(sum(turn.cores.values()) for turn in turns)
    said = (
        f"The load generator was at most {1e3 * late_s:.1f} ms late at p99; the busiest process ({busiest}) used "
        f"{cores:.0%} of a core, all together {total:.1f} of {os.cpu_count()}; the {waiter} waited for one "
        f"{waited:.0%} of the time."
    )
    if late_s > LATE_S or cores > BUSY:
        said += " That is too much for honest figures: lower --time-scale or --rate, or raise --stream-interval."
    elif waited > WAITED:
        said += " This machine was busy with other work, so all latencies are too long: repeat it on an idle one."
    return said


def _most(shares: Sequence[dict[str, float]]) -> tuple[str, float]:
    """The process with the largest share in any turn."""
    return max(((name, share) for each in shares for name, share in each.items()), key=lambda pair: pair[1])
