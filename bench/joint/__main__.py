"""Model and replica chosen together: `make show NAME=joint [DATA=folder]`.

For each of several qualities each chooser gets the cheapest fleet, of the same candidates, with which it reaches that
mean quality while 99 % of requests keep both deadlines; what an answer is worth to it is set for each fleet anew.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.joint.contest import everything
from bench.joint.reach import KEPT
from bench.joint.savings import cheaper, fleets_at, unseen_kept
from bench.joint.traffic import sent
from bench.select.told import Found, run
from sims.statistics import interval

TARGET = {"cheaper_share": {"least": 0.10}}
SPEED = 1.0  # times the trace's own
SEEDS = 16
LEADS = tuple(0.45 + 0.05 * i for i in range(9))  # of the large model's lead over the small one
TOLD = (0.5, 0.65, 0.8)


def measure(data: Path) -> Found:
    """What awareness saves, over seeds, and the most that it could: a blind chooser that is sent no bursts."""
    offered = sent(data, SPEED)
    small, large = offered.questions.quality.mean(axis=0).tolist()
    levels = {lead: small + lead * (large - small) for lead in LEADS}
    found = everything(offered, range(SEEDS), levels.values())
    shares = [cheaper(found["blind"], found["aware"], levels.values(), seed) for seed in range(SEEDS)]
    bound = [cheaper(found["blind"], found["blind, evenly spaced"], levels.values(), seed) for seed in range(SEEDS)]
    over = interval(shares)
    figures: dict[str, Any] = {
        "cheaper_share": round(over.mean, 4),
        "cheaper_ci95": [round(over.low, 4), round(over.high, 4)],
        "cheaper_by_seed": [round(each, 4) for each in shares],
        "without_bursts_share": round(sum(bound) / len(bound), 4),
        "unseen_seeds_kept": unseen_kept(found, levels.values(), range(SEEDS)),
        "requests": len(offered.arrivals),
        "rate_rps": round(offered.arrivals.rate_rps * SPEED, 2),
        "kept_least": KEPT,
        "quality_alone": [round(small, 4), round(large, 4)],
        "fleets": fleets_at(found, {f"{small + lead * (large - small):.3f}": levels_at(levels, lead) for lead in TOLD}),
    }
    return figures, TARGET


def levels_at(levels: Mapping[float, float], lead: float) -> float:
    """The quality of the level nearest to a lead."""
    return levels[min(levels, key=lambda each: abs(each - lead))]


if __name__ == "__main__":
    sys.exit(run("joint", measure))
