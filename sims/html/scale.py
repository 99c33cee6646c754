"""From figures to pixels: linear, logarithmic and percentile axes, their ticks and how these read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite, log10
from typing import Self

Format = Callable[[float], str]
NINES = (0.0, 0.5, 0.9, 0.99, 0.999)
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from `low` to `high` in figures, from `start` to `end` in pixels."""

    low: float
    high: float
    ticks: tuple[float, ...]
    shown: Format
    bend: Callable[[float], float]  # figures to what is linear in pixels
    start: float = 0.0
    end: float = 1.0

    def __call__(self, value: float) -> float:
        """Where a figure lies; beyond the axis, at its end."""
        low, high = self.bend(self.low), self.bend(self.high)
        part = (self.bend(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + part * (self.end - self.start)

    def over(self, start: float, end: float) -> Self:
        """The same axis over other pixels."""
        return replace(self, start=start, end=end)


def linear(values: Iterable[float], shown: Format, *, zero: bool = True, high: float | None = None) -> Scale:
    """From 0, or below the least, to a round figure above the greatest."""
    known = [value for value in values if isfinite(value)] or [0.0, 1.0]
    least, most = (0.0 if zero else min(known)), (max(known) if high is None else high)
    if most <= least:
        most = least + (abs(least) or 1.0)
    step = _step((most - least) / 5.0)
    first, last = floor(least / step), ceil(round(most / step, 9))
    ticks = tuple(i * step for i in range(first, last + 1))
    return Scale(low=ticks[0], high=ticks[-1], ticks=ticks, shown=shown, bend=float)


def _step(rough: float) -> float:
    unit: float = 10.0 ** floor(log10(rough))
    return next(unit * step for step in STEPS if unit * step >= rough * 0.999)


def logarithmic(values: Iterable[float], shown: Format) -> Scale:
    """Over everything above 0 that is not endless, a little more on both sides."""
    known = [value for value in values if isfinite(value) and value > 0.0] or [0.1, 1.0]
    low, high = min(known) / 1.15, max(known) * 1.15
    if high / low < 4.0:
        low, high = low / 2.0, high * 2.0
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = (1.0,) if high / low > 1e4 else (1.0, 3.0) if high / low > 100.0 else (1.0, 2.0, 5.0)
    ticks = tuple(t for d in decades for s in steps if low <= (t := s * 10.0**d) <= high)
    return Scale(low=low, high=high, ticks=ticks, shown=shown, bend=log10)


def nines() -> Scale:
    """Shares of requests from the fastest on, the tail drawn as wide as the rest: 0, 90, 99 and 99.9 % evenly."""
    return Scale(low=0.0, high=0.999, ticks=NINES, shown=lambda q: f"{100.0 * q:g} %", bend=lambda q: -log10(1.0 - q))


def seconds(value: float) -> str:
    """Seconds as people read them."""
    if value == 0.0:
        return "0"
    if value < 1e-3:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1e3:.3g} ms" if value < 1.0 else f"{_few(value)} s"


def percent(value: float) -> str:
    """A share."""
    return f"{100.0 * value:.3g} %"


def plain(value: float) -> str:
    """A figure with few digits."""
    return _few(value)


def dollars(value: float) -> str:
    """Dollars."""
    return f"${value:.2f}" if value < 100.0 else f"${value:,.0f}"


def hours(value: float) -> str:
    """Simulated time."""
    if value < 180.0:
        return f"{value:g} s"
    return f"{value / 60.0:.3g} min" if value < 3.0 * 3600.0 else f"{value / 3600.0:.3g} h"


def _few(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}"
