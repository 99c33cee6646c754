"""Measure scaling policies over a recorded week: `python -m bench.autoscale [--data DIR] [--seeds N] [--days N]`.

Every policy has one setting that is fitted on the first days: the one with the fewest GPU-hours that keeps the
deadlines of 99 requests in 100. Then all serve the whole period on seeds that the fit has not seen.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean

from bench.autoscale.trial import Make, Outcome, clairvoyant, fitted, run
from bench.autoscale.week import DATA, TPOT_S, TTFT_S, Days
from policies.scale.scaling import Scaling, scaling

OURS, LEAST = "slo_model", 0.99
FIT_DAYS, DAYS, SEEDS = 4, 7, 8
MARGIN = 0.004  # by which more is kept on the days of the fit, for days that are not like them
TARGETS = {
    "kept": {"least": LEAST}, "gpu_hours_over_clairvoyant": {"most": 1.15}, "fewer_than_best": {"least": 0.15},
    "reversals_a_day": {"most": 2.0},
}  # fmt: skip
SHARES = [0.55, 0.5, 0.45, 0.42, 0.38]  # of a replica's capacity that the clairvoyant uses


def make(name: str, key: str, **more: float) -> Make:
    """A policy from its one setting."""
    return lambda setting: _scaling(name, {key: setting, **more})


def _scaling(name: str, settings: dict[str, float]) -> Scaling:
    return scaling(name, settings)


DEADLINES = {"ttft_s": TTFT_S, "tpot_s": TPOT_S}
CONTESTANTS: dict[str, tuple[Make, list[float]]] = {
    OURS: (make(OURS, "spare", **DEADLINES), [2.6, 3.2, 3.8, 4.4]),
    "hpa_queue": (make("hpa_queue", "target"), [0.02, 0.05, 0.1, 0.2]),
    "hpa_kv": (make("hpa_kv", "target"), [0.02, 0.03, 0.05, 0.07]),
    "kpa": (make("kpa", "target"), [4.0, 5.0, 6.0, 7.0]),
    "dynamo_like": (make("dynamo_like", "utilisation", **DEADLINES), [0.22, 0.25, 0.27, 0.3]),
    "wva_like": (make("wva_like", "kv", spare_kv=0.02), [0.05, 0.08, 0.12]),
}


def main() -> int:
    """Progress on stderr, one JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.autoscale", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="draws of the period (default 8)")
    parser.add_argument("--days", type=int, default=DAYS, help="days served (default 7)")
    options = parser.parse_args()
    begun = time.monotonic()
    fit_days = Days(first=0, count=min(FIT_DAYS, options.days))
    sample = fit_days.arrivals(options.data, 100)
    settings = {}
    for name, (maker, tried) in CONTESTANTS.items():
        settings[name], best = fitted(maker, tried, sample, fit_days, LEAST + MARGIN)
        say(f"{name}: {settings[name]:g} fitted on {fit_days.count} days: {told(best)}")
    days = Days(first=0, count=options.days)
    found = served(options.data, days, options.seeds, settings)
    results = figures(found, days, options.seeds)
    met = all(_holds(bound, results[name]) for name, bound in TARGETS.items())
    print(json.dumps({
        "name": "autoscale", "figures": results, "target": TARGETS, "met": met,
        "seconds": round(time.monotonic() - begun, 1),
    }), flush=True)  # fmt: skip
    return 0


def served(data: Path, days: Days, seeds: int, settings: dict[str, float]) -> dict[str, list[Outcome]]:
    """The outcomes of everybody, a seed each; the clairvoyant is fitted to each seed itself."""
    found: dict[str, list[Outcome]] = {}
    for seed in range(seeds):
        arrivals = days.arrivals(data, seed)
        for name, (maker, _) in CONTESTANTS.items():
            outcome = run(maker(settings[name]), arrivals, days, seed)
            found.setdefault(name, []).append(outcome)
            say(f"seed {seed}: {name}: {told(outcome)}")
        for share in SHARES:  # from the cheapest schedule up
            best = run(clairvoyant(arrivals, share, 60.0), arrivals, days, seed)
            if best.kept >= LEAST:
                break
        found.setdefault("clairvoyant", []).append(best)
        say(f"seed {seed}: clairvoyant: {told(best)}")
    return found


def figures(found: dict[str, list[Outcome]], days: Days, seeds: int) -> dict[str, float]:
    """Ours beside the clairvoyant and beside the best of those that keep the deadlines as well."""
    ours = found[OURS]
    results = {
        "kept": mean(each.kept for each in ours),
        "gpu_hours_over_clairvoyant": _hours(ours) / _hours(found["clairvoyant"]),
        "reversals_a_day": mean(each.reversals_a_day for each in ours),
        "days": float(days.count), "seeds": float(seeds),
    }  # fmt: skip
    rivals = {name: each for name, each in found.items() if name not in (OURS, "clairvoyant")}
    keeping = [each for each in rivals.values() if mean(one.kept for one in each) >= LEAST - 0.002]
    best = min((_hours(each) for each in keeping), default=0.0)
    results["fewer_than_best"] = 1.0 - _hours(ours) / best if best else 1.0
    for name, each in found.items():
        results[f"{name}_kept"] = mean(one.kept for one in each)
        results[f"{name}_gpu_hours_a_day"] = _hours(each) / days.count
    return {name: round(value, 4) for name, value in results.items()}


def told(outcome: Outcome) -> str:
    """One outcome in a line."""
    return f"{outcome.kept:.4f} kept, {outcome.gpu_hours:,.0f} GPU-hours, {outcome.reversals_a_day:g} reversals a day"


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def _hours(outcomes: list[Outcome]) -> float:
    return mean(each.gpu_hours for each in outcomes)


def _holds(bound: dict[str, float], figure: float) -> bool:
    return bound.get("least", figure) <= figure <= bound.get("most", figure)


if __name__ == "__main__":
    sys.exit(main())
