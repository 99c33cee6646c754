"""Model and replica chosen together: `make show NAME=joint [DATA=folder]`.

Both choosers must reach the same mean quality and keep the same deadlines; each gets the cheapest fleet with which it
does. What an answer is worth to the chooser is set, for each fleet anew, to just reach that quality.
"""

import sys
from pathlib import Path
from typing import Any

from bench.joint.fleets import KEPT, Served, by_price, serve
from bench.joint.traffic import Traffic, traffic
from bench.select.told import Found, run, say

TARGET = {"cheaper_share": {"least": 0.10}}
SECONDS, SPEED = 300.0, 4.0
MOST = (8, 6)
LEADS = (0.6, 0.75, 0.9)  # of the large model's lead over the small one that are to be reached
HALVINGS = 5
LOW, HIGH = 5e-4, 5e-2  # dollars that a right answer may be worth
CLOSE = 0.004  # qualities closer than this are equal
HOPELESS = 0.6  # kept by so few at the first try: no worth mends that


def measure(data: Path) -> Found:
    """The cheapest fleet of both for each quality; one seed of questions."""
    asked = traffic(data, SECONDS, SPEED)
    small, large = asked.right.mean(axis=0).tolist()
    figures: dict[str, Any] = {"requests": len(asked.arrivals), "quality_alone": [round(small, 4), round(large, 4)]}
    paid = {False: 0.0, True: 0.0}
    for lead in LEADS:
        wanted = small + lead * (large - small)
        for sees in paid:
            found = cheapest(asked, wanted, sees=sees)
            paid[sees] += found.usd_per_hour
            told = [round(each, 4) for each in found[1:]]
            figures[f"{'aware' if sees else 'blind'} at quality {wanted:.3f}"] = [*found.counts, *told]
    return {"cheaper_share": round(1.0 - paid[True] / paid[False], 4), **figures}, TARGET


def cheapest(asked: Traffic, wanted: float, *, sees: bool) -> Served:
    """The cheapest fleet that reaches the quality within the deadlines; raises ValueError where none does."""
    for counts in by_price(MOST):
        found = balanced(asked, counts, wanted, sees=sees)
        say(f"{'aware' if sees else 'blind'}: {found}")
        if found.kept >= KEPT and found.quality >= wanted - CLOSE:
            return found
    raise ValueError(f"no fleet up to {MOST} reaches quality {wanted:.3f} within the deadlines: allow larger ones")


def balanced(asked: Traffic, counts: tuple[int, int], wanted: float, *, sees: bool) -> Served:
    """The fleet at the worth that comes closest to the quality; fewer tries where it is far too small."""
    low, high = LOW, HIGH
    tried: list[Served] = []
    for _ in range(HALVINGS):
        worth = (low * high) ** 0.5
        tried.append(serve(asked, counts, worth, sees))
        if tried[-1].kept < HOPELESS:
            break
        if abs(tried[-1].quality - wanted) < CLOSE:
            return tried[-1]
        low, high = (low, worth) if tried[-1].quality > wanted else (worth, high)
    return min(tried, key=lambda each: abs(each.quality - wanted))


if __name__ == "__main__":
    sys.exit(run("joint", measure))
