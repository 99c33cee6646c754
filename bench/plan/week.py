"""A week of 27 million requests planned over 100 candidate fleets: `python -m bench.plan.week --data DIR`.

The week is ServeGen's, client by client, at the rate that gives 27 million requests; all of it is drawn and weighed,
in windows of ten minutes. What is simulated is sampled: the busiest window, in which every candidate must keep the
deadlines on every seed, and afterwards the chosen fleet in one window of every twelfth of the week.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.plan.traffic import MODEL, file_of
from sims.arrivals import Arrivals
from sims.engine.simulate import simulate
from sims.plan.asked import Asked, Deadline, Offer, SloClass
from sims.plan.kinds import kinds_of
from sims.plan.planner import plan
from sims.plan.search import Budget
from sims.plan.traffic import Sampled
from sims.plan.trial import Trial
from sims.traces.reading.rows import rows
from sims.workloads.servegen import Servegen

DATA = Path(__file__).parents[3] / "shared" / "data"
REQUESTS, WEEK_S = 27_000_000, 604_800.0
CATEGORY = "m-large"
FLEETS = 100
SPREAD = 12  # windows over the week in which the chosen fleet is looked at again
GPUS = ("l40s", "a100-80", "h100-sxm", "h200")
HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week drawn and weighed; only what is simulated is kept."""

    requests: int
    busiest: Arrivals
    others: tuple[Arrivals, ...]
    load: tuple[float, ...]  # by the hour of the day, of the busiest window's


def drawn(data: Path, requests: int = REQUESTS, seed: int = 0) -> Week:
    """The week from the recording's first window on; raises FileNotFoundError where there is no recording."""
    rates = file_of(data, "servegen", f"{CATEGORY}_rates.csv*")
    begin = min(row.number_of("t_s") for row in rows(rates))
    source = Servegen(
        folder=str(data / "servegen"), category=CATEGORY, rate_rps=requests / WEEK_S, from_s=begin, span_s=WEEK_S
    )
    count, most, busiest = 0, -1.0, None
    work: list[float] = []
    others: list[Arrivals] = []
    for number, batch in enumerate(_windows(source, seed)):
        tokens = float(batch.prompt_tokens.sum() + 4.0 * batch.output_tokens.sum())
        count, work = count + len(batch), [*work, tokens]
        if tokens > most:
            most, busiest = tokens, batch
        if number % (1008 // SPREAD) == 0 and len(batch) > 1:
            others.append(_from_zero(batch))
    assert busiest is not None
    hours = np.arange(len(work)) // 6 % HOURS
    load = tuple(max(w for w, hour in zip(work, hours, strict=True) if hour == at) / most for at in range(HOURS))
    return Week(requests=count, busiest=_from_zero(busiest), others=tuple(others), load=load)


def plan_week(data: Path = DATA, fleets: int = FLEETS, requests: int = REQUESTS) -> dict[str, float | str]:
    """Draw, weigh, plan and look again: seconds, fleets and what was sampled."""
    begun = time.monotonic()
    week = drawn(data, requests)
    read_s = time.monotonic() - begun
    say(f"a week of {week.requests:,} requests drawn in {read_s:.0f} s; its busiest ten minutes: {len(week.busiest):,}")
    asked = request()
    given = Sampled(arrivals=week.busiest, said="the busiest ten minutes", share=len(week.busiest) / week.requests)
    budget = Budget(trials=10 * fleets, seconds=400.0, least=fleets)
    found = plan(asked, given, simulate=simulate, budget=budget, load=week.load, only_mixed=True, told=_quiet)
    kept = looked_again(asked, found.replicas, [part.kind.name for part in found.chosen.parts], week.others)
    return {
        "week_requests": float(week.requests),
        "week_fleets": float(found.fleets_simulated),
        "week_seconds": round(time.monotonic() - begun, 1),
        "week_fleet": found.chosen.said,
        "week_usd_per_month": round(found.usd_per_month),
        "week_scheduled_usd_per_month": round(found.schedule.usd_per_month) if found.schedule else found.usd_per_month,
        "week_windows_kept": f"{kept} of {len(week.others)}",
        "week_sampled_share": round((len(week.busiest) + sum(map(len, week.others))) / week.requests, 5),
    }


def request() -> Asked:
    """What is asked of the week: the usual deadlines of a chat."""
    limits = SloClass(ttft=Deadline(seconds=1.0, percentile=95.0), tpot=Deadline(seconds=0.05, percentile=90.0))
    offers = tuple(Offer(gpu=gpu, sizes=(1, 2)) for gpu in GPUS)
    return Asked(model=MODEL, offers=offers, classes=(limits,), seeds=4)


def looked_again(asked: Asked, replicas: tuple[int, ...], names: list[str], windows: tuple[Arrivals, ...]) -> int:
    """In how many other windows the fleet keeps the deadlines."""
    kinds = tuple(kinds_of(asked)[0])
    by_name = dict(zip(names, replicas, strict=True))
    counts = tuple(by_name.get(kind.name, 0) for kind in kinds)
    trials = [Trial(asked=asked, kinds=kinds, traffic=Sampled(arrivals=one, said=""), simulate=simulate)
              for one in windows]  # fmt: skip
    return sum(trial.score(counts, 0).worst <= 0.0 for trial in trials)


def _windows(source: Servegen, seed: int) -> Iterator[Arrivals]:
    """The windows of one period."""
    for batch in source.batches(seed):
        if len(batch) and batch.at[-1] >= WEEK_S:
            return
        yield batch


def _from_zero(batch: Arrivals) -> Arrivals:
    return replace(batch, at=batch.at - batch.at[0])


def _quiet(said: str) -> None:
    """Nobody watches every fleet."""


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """One JSON line on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.plan.week", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of traces (default ../shared/data)")
    options = parser.parse_args()
    print(json.dumps(plan_week(options.data)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
