"""`python -m bench.boundary [--seeds N] [--phases N] [--heavy]`: a row a rule on stdout, 95 % intervals over seeds."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from bench.boundary.traffic import HEAVY, KINDS, PHASES, hours
from bench.boundary.trial import Outcome, rule, run
from sims.statistics import Interval, interval

FIXED = (1024.0, 1448.0, 4096.0, 5793.0)
BEGINS, COMPRESSIBLE = 2048.0, 0.5

RULES: Mapping[str, Mapping[str, float]] = {
    **{f"{tokens:,.0f} tokens, fixed": {"tokens": tokens, "step": 0} for tokens in FIXED},
    "co-adapted": {"tokens": BEGINS},
    f"co-adapted, {COMPRESSIBLE:.0%} may be compressed": {"tokens": BEGINS, "compressible": COMPRESSIBLE},
}


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """One rule's line of the table."""
    kept, moves, turns = (
        interval([getattr(one, key) for one in outcomes]) for key in ("kept", "moves", "turns")
    )  # fmt: skip
    return f"| {name} | {_share(kept)} | {moves.mean:.1f} | {turns.mean:.1f} |"


def _share(kept: Interval) -> str:
    return f"{100.0 * kept.mean:.1f} ± {100.0 * kept.half:.1f} %"


def main() -> None:
    """Run every rule on every seed."""
    asked = argparse.ArgumentParser(prog="python -m bench.boundary")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--phases", type=int, default=PHASES)
    asked.add_argument("--heavy", action="store_true", help="as much as the fleet can serve at all")
    given = asked.parse_args()
    made = {name: list[Outcome]() for name in RULES}
    for seed in range(given.seeds):
        arrivals = hours(seed, given.phases, HEAVY if given.heavy else KINDS)
        for name, settings in RULES.items():
            made[name].append(run(rule(**settings), arrivals, seed))
            sys.stderr.write(f"seed {seed}, {name}: {made[name][-1]}\n")
    lines = ["| boundary | kept both deadlines | moves | turns |", "|---|---|---|---|"]
    sys.stdout.write("\n".join([*lines, *(row(name, made[name]) for name in RULES)]) + "\n")


if __name__ == "__main__":
    main()
