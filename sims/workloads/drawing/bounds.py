"""What settings may be: checked when a workload is made, so that drawing needs no checks."""

from collections.abc import Mapping
from typing import Any

from policies.registry import BadSetting
from sims.traces.reading.row import MOST_TOKENS
from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.times import check

Bounds = tuple[float, float]

TOKENS: Bounds = (1, MOST_TOKENS)
TOKENS_OR_NONE: Bounds = (0, MOST_TOKENS)
MANY: Bounds = (1, 1_000_000)
SIGMA: Bounds = (0.0, 10.0)  # of a logarithm
SHARE: Bounds = (0.0, 1.0)
SECONDS: Bounds = (0.0, 1e9)
RATE: Bounds = (1e-6, 1e7)


def within(workload: Any, bounds: Mapping[str, Bounds]) -> None:
    """Raise `BadSetting` unless every named setting lies in its bounds; nan never does."""
    for name, (least, most) in bounds.items():
        value = getattr(workload, name)
        if not least <= value <= most:
            raise BadSetting(f"{name} must be from {least:g} to {most:g}, not {value}")


def arriving(workload: Any, family: str = "gamma") -> None:
    """Raise `BadSetting` unless its rate_rps and cv make arrivals of that family."""
    within(workload, {"rate_rps": RATE})
    check(workload.rate_rps, workload.cv, family)


def lengths(workload: Any) -> None:
    """Raise `BadSetting` unless its `prompt` and `output` are empty or quantiles."""
    for name in ("prompt", "output"):
        points = getattr(workload, name)
        if points != ():
            Quantiles.of(listed(name, points, 2))


def listed(name: str, rows: Any, columns: int, first: int = 0) -> Any:
    """Rows of so many entries, numbers from place `first` on; raises `BadSetting`."""
    if not isinstance(rows, tuple | list) or not rows:
        raise BadSetting(f"{name} must be a list of lists of {columns}, not {str(rows)[:40]}")
    for row in rows:
        if not isinstance(row, tuple | list) or len(row) != columns or not all(map(_number, row[first:])):
            raise BadSetting(f"{name} must be a list of lists of {columns} numbers, it has {str(row)[:40]}")
    return rows


def _number(value: Any) -> bool:
    return type(value) in (int, float)
