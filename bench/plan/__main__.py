"""Measure the planner: `python -m bench.plan --data DIR`.

The planner's fleet is its cheapest design that was simulated whole and meets: one GPU type, several mixed, two pools by
length, or prefill apart from decode. The fleet that it would deploy, spares counted in, stands beside it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from math import exp, inf, isfinite
from pathlib import Path
from typing import Any

from bench.gateway.installs import InstallError
from bench.plan.optimum import gaps
from bench.plan.peer import Theirs, optimised, resimulated
from bench.plan.traffic import CASES, Case, case, traffic
from bench.plan.week import FLEETS, plan_week
from sims.engine.simulate import simulate
from sims.plan.kinds import kinds_of
from sims.plan.outcome import Design, Plan
from sims.plan.planner import plan
from sims.plan.search import Budget
from sims.plan.trial import Score, Trial
from sims.statistics import interval

DATA = Path(__file__).parents[3] / "shared" / "data"
UNSEEN, UNSEEN_SEEDS = 1000, 8
BUDGET = Budget(trials=90, seconds=120.0)
PEERS_TRIED = 2  # of its recommendations, the cheapest at our prices
MOST_GAP, MOST_WEEK_S = 0.03, 600.0

Figures = dict[str, float | bool | str | None]


def main() -> int:
    """Progress on stderr, one JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.plan", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--only", default="", help="one case")
    options = parser.parse_args()
    begun = time.monotonic()
    found: Figures = {}
    try:
        with ProcessPoolExecutor(2) as pool:
            chosen = [one.name for one in CASES if not options.only or one.name == options.only]
            ready(options.data, chosen)
            for figures in pool.map(measured, chosen, [options.data] * len(chosen)):
                found |= figures
            if not options.only:
                say("instances small enough to try every fleet")
                found["optimum_gap"] = round(max(pool.submit(gaps, options.data).result()), 4)
        if not options.only:
            found |= plan_week(options.data)
    except FileNotFoundError as error:
        say(f"{error}")
        return 2
    target = targets([one.name for one in CASES])
    met = all(found.get(name) is True for name, wanted in target.items() if wanted is True)
    met = met and within(found, target)
    seconds = round(time.monotonic() - begun, 1)
    print(json.dumps({"name": "plan", "figures": found, "target": target, "met": met, "seconds": seconds}), flush=True)
    return 0


def within(found: Figures, target: dict[str, Any]) -> bool:
    """Whether every figure with a bound keeps it; one that was not measured does not."""
    bounds = {name: bound for name, bound in target.items() if isinstance(bound, dict)}
    figures = {name: value for name, value in found.items() if isinstance(value, float)}
    return all(
        name in figures and bound.get("least", -inf) <= figures[name] <= bound.get("most", inf)
        for name, bound in bounds.items()
    )


def ready(data: Path, names: list[str]) -> None:
    """Compile once before two processes would, and find out early what data is missing."""
    for name in names:
        one, given = case(name), traffic(name, data)
        asked = one.asked()
        trial = Trial(asked=asked, kinds=tuple(kinds_of(asked)[0]), traffic=given, simulate=simulate)
        say(f"{name}: {len(given.arrivals):,} requests read")
        if name == names[0]:
            trial.score(tuple(20 for _ in trial.kinds), UNSEEN)


def targets(names: list[str]) -> dict[str, Any]:
    """What each figure must be."""
    wanted: dict[str, Any] = {}
    for name in names:
        wanted |= {f"{name}_cheaper_than_one_gpu": True, f"{name}_cheaper_than_vllm_sr_sim": True,
                   f"{name}_slo_met_unseen": True}  # fmt: skip
    return wanted | {"optimum_gap": {"most": MOST_GAP}, "week_seconds": {"most": MOST_WEEK_S},
                     "week_fleets": {"least": FLEETS}}  # fmt: skip


def measured(name: str, data: Path) -> Figures:
    """One case: planned, checked on unseen seeds, and beside vllm-sr-sim's fleet."""
    one, given = case(name), traffic(name, data)
    say(f"{name}: {given.said}, {given.analytic.rate:.1f} a second")
    found = plan(one.asked(), given, simulate=simulate, budget=BUDGET, told=_sometimes(name), roles=True)
    say(f"{name}: planned {found.chosen.said} in {found.wall_s:.0f} s, {found.fleets_simulated} fleets")
    for design in found.designs:
        said = " / ".join(f"{each:.0%}" for each in design.margins)
        say(f"  {design.name}: {design.said}, ${design.usd_per_hour:.2f} an hour, {said} {design.why}")
    single = min(each.usd_per_hour for each in found.designs if each.meets and each.name.startswith("only"))
    best = cheapest(found)
    figures: Figures = {
        f"{name}_design": best.name,
        f"{name}_fleet": best.said,
        f"{name}_usd_per_hour": round(best.usd_per_hour, 2),
        f"{name}_one_gpu_usd_per_hour": round(single, 2),
        f"{name}_cheaper_than_one_gpu": best.usd_per_hour < single,
        f"{name}_deployed": found.chosen.said,
        f"{name}_deployed_usd_per_hour": round(found.chosen.usd_per_hour, 2),
        f"{name}_fleets_simulated": float(found.fleets_simulated),
    }
    return figures | unseen(one, best, found.chosen, data) | beside(one, best, data)


def cheapest(found: Plan) -> Design:
    """The cheapest design that was simulated whole and meets, prompts as they are."""
    whole = [each for each in found.designs if each.simulated and each.meets and each.gamma == 1.0]
    return min(whole, key=lambda each: each.usd_per_hour)


def unseen(one: Case, best: Design, chosen: Design, data: Path) -> Figures:
    """Both fleets on seeds they were not planned with: every deadline's percentile, over seeds, within it at 95 %."""
    figures: Figures = {}
    for label, design in (("", best), ("_deployed", chosen)):
        kinds = tuple(part.kind for part in design.parts)
        asked = design.routed(one.asked(UNSEEN_SEEDS, UNSEEN))
        trial = Trial(asked=asked, kinds=kinds, traffic=traffic(one.name, data), simulate=simulate)
        counts = tuple(part.replicas for part in design.parts)
        scores = [trial.score(counts, seed) for seed in range(UNSEEN, UNSEEN + UNSEEN_SEEDS)]
        worst = [interval([score.margins[i] for score in scores]) for i in range(len(scores[0].margins))]
        figures |= {
            f"{one.name}{label}_slo_met_unseen": max(each.high for each in worst) <= 0.0,
            f"{one.name}{label}_unseen_seeds_within": float(sum(_within(score) for score in scores)),
            f"{one.name}{label}_of_deadline_unseen": round(exp(max(each.mean for each in worst)), 3),
        }
    return figures


def beside(one: Case, best: Design, data: Path) -> Figures:
    """vllm-sr-sim's cheapest recommendations, simulated here and grown until they meet the deadlines."""
    name, given, asked = one.name, traffic(one.name, data), one.asked()
    try:
        said = list(optimised(name, given, one.ttft_p99_s))
    except (InstallError, subprocess.SubprocessError, OSError) as error:
        say(f"{name}: vllm-sr-sim could not be run here, so nothing is said of it: {error}")
        return {f"{name}_cheaper_than_vllm_sr_sim": None}
    if not said:
        say(f"{name}: vllm-sr-sim finds no fleet for this traffic")
        return {f"{name}_cheaper_than_vllm_sr_sim": True, f"{name}_vllm_sr_sim_usd_per_hour": None}
    from bench.plan.peer import kinds_of as pools

    def cost(theirs: Theirs) -> float:
        return sum(n * kind.usd_per_hour for n, kind in zip(theirs.grown(1.0), pools(theirs, asked), strict=True))

    tried = sorted(dict.fromkeys(said), key=cost)[:PEERS_TRIED]
    results = [(theirs, resimulated(theirs, asked, given)) for theirs in tried]
    for theirs, result in results:
        say(f"{name}: vllm-sr-sim says {theirs}: ${result.usd_per_hour:.2f}, meets {result.meets}, "
            f"grown ${result.grown_usd_per_hour:.2f}")  # fmt: skip
    _, theirs_best = min(results, key=lambda pair: pair[1].grown_usd_per_hour)
    least = theirs_best.grown_usd_per_hour
    return {
        f"{name}_vllm_sr_sim_usd_per_hour": round(theirs_best.usd_per_hour, 2),
        f"{name}_vllm_sr_sim_meets": theirs_best.meets,
        f"{name}_vllm_sr_sim_grown_usd_per_hour": round(least, 2) if isfinite(least) else None,
        f"{name}_cheaper_than_vllm_sr_sim": best.usd_per_hour < least,
    }


def _within(score: Score) -> bool:
    return score.worst <= 0.0


def _sometimes(name: str) -> Callable[[str], None]:
    """Passes on a line every ten seconds."""
    last = [time.monotonic()]

    def tell(said: str) -> None:
        if time.monotonic() - last[0] > 10.0:
            last[0] = time.monotonic()
            say(f"{name}: {said}")

    return tell


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
