"""A classification claim's frame: the data folder asked for, the open rows that teach, one JSON line at the end."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from router.classify.calibration import interval

DATA = Path(__file__).parents[3] / "shared" / "data"
DRAWS = 1000

Figures = Mapping[str, Any]
Bounds = Mapping[str, Mapping[str, float]]
Rows = npt.NDArray[np.int64]


def run(name: str, target: Bounds, measure: Callable[[Path, Path | None], Figures]) -> int:
    """Measure a folder, taught by the open rows where it is another; 2 when its files are absent."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name.replace('-', '_')}")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data (default ../shared/data)")
    tested, begun = parser.parse_args().data.resolve(), time.monotonic()
    taught = DATA.resolve() if DATA.is_dir() and DATA.resolve() != tested else None
    try:
        figures = measure(tested, taught)
    except (OSError, ValueError) as bad:
        say(str(bad))
        return 2
    summary = {"name": name, "figures": figures, "target": target, "met": met(figures, target)}
    print(json.dumps(summary | {"seconds": round(time.monotonic() - begun, 1)}), flush=True)
    return 0


def met(figures: Figures, target: Bounds) -> bool:
    """Whether every figure that has a bound keeps it; a figure that could not be had does not."""
    return all(_within(figures.get(name), bound) for name, bound in target.items())


def _within(value: object, bound: Mapping[str, float]) -> bool:
    if not isinstance(value, (int, float)) or np.isnan(value):
        return False
    return bound.get("least", -np.inf) <= value <= bound.get("most", np.inf)


def bootstrap(count: int, figure: Callable[[Rows], float], draws: int = DRAWS) -> list[float]:
    """The middle 95 % of a figure over rows drawn anew with replacement; [low, high]."""
    chance = np.random.default_rng(0)
    low, high = interval([figure(chance.integers(0, count, count)) for _ in range(draws)])
    return [round(low, 4), round(high, 4)]


def mean_interval(values: Sequence[float] | npt.NDArray[np.generic]) -> list[float]:
    """The middle 95 % of a mean."""
    kept = np.asarray(values, float)
    return bootstrap(len(kept), lambda rows: float(kept[rows].mean()))


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
