"""Model and replica chosen together: `make show NAME=joint [DATA=folder]`.

Both choosers must reach the same mean quality and keep the same deadlines; each gets the cheapest fleet with which it
does. What an answer is worth to the chooser is set for each fleet to just reach that quality.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.joint.fleets import KEPT, Served, by_price, price, serve
from bench.joint.traffic import Traffic, traffic
from bench.select.told import Found, run, say

TARGET = {"cheaper_share": {"least": 0.10}}
SECONDS, SPEED = 300.0, 4.0
MOST = (8, 6)
LEAD = 0.6  # of the large model's lead over the small one that is to be reached
HALVINGS = 6
LOW, HIGH = 1e-4, 1e-1  # dollars that a right answer may be worth
CLOSE = 0.002  # qualities closer than this are equal


def measure(data: Path) -> Found:
    """The cheapest fleet of both, on one seed of questions."""
    asked = traffic(data, SECONDS, SPEED)
    small, large = asked.right.mean(axis=0).tolist()
    wanted = small + LEAD * (large - small)
    blind, aware = cheapest(asked, wanted, sees=False), cheapest(asked, wanted, sees=True)
    figures = {
        "cheaper_share": round(1.0 - aware.usd_per_hour / blind.usd_per_hour, 4),
        "requests": len(asked.arrivals),
        "quality_wanted": round(wanted, 4),
        "quality_alone": [round(small, 4), round(large, 4)],
    }
    for name, found in (("blind", blind), ("aware", aware)):
        figures |= {f"{name}_{field}": value for field, value in found._asdict().items()}
    return figures, TARGET


def cheapest(asked: Traffic, wanted: float, *, sees: bool) -> Served:
    """The cheapest fleet that reaches the quality within the deadlines; raises ValueError where none does."""
    for counts in by_price(MOST):
        if price(counts) < FLOOR:
            continue
        found = balanced(asked, counts, wanted, sees)
        say(f"{'aware' if sees else 'blind'}: {found}")
        if found.kept >= KEPT and found.quality >= wanted - CLOSE:
            return found
    raise ValueError(f"no fleet up to {MOST} reaches quality {wanted:.3f} within the deadlines: allow larger ones")


def balanced(asked: Traffic, counts: tuple[int, int], wanted: float, sees: bool) -> Served:
    """The fleet at the worth that just reaches the quality."""
    low, high, best = LOW, HIGH, None
    for _ in range(HALVINGS):
        worth = (low * high) ** 0.5
        found = serve(asked, counts, worth, sees)
        if found.quality >= wanted:
            high, best = worth, found
        else:
            low = worth
    return best or found


FLOOR: float = 0.0
__all__: Sequence[str] = ("measure",)

if __name__ == "__main__":
    sys.exit(run("joint", measure))
