"""Several seeds of one thing as one: means, and the 95 % interval of each figure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field

from sims.measure.classes import ClassMetrics
from sims.measure.metrics import Metrics
from sims.measure.outcome import Distribution, Outcome
from sims.measure.pools import PoolMetrics
from sims.measure.timeline import Timeline
from sims.statistics import interval

T = TypeVar("T")

Range = tuple[float, float]
Ranges = dict[str, Range | dict[str, Range]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Metrics):
    """The figures of one point: of its run, or the means over the runs of its seeds."""

    seeds: Annotated[int, Field(description="runs that the figures are means over")]
    ci95: Annotated[
        Ranges | None,
        Field(description="ends of the 95 % interval of every figure's mean, under its key; null with one seed"),
    ]
    pools: tuple[PoolMetrics, ...]
    distribution: Distribution
    timeline: Timeline | None
    classes: Annotated[tuple[ClassMetrics, ...], Field(description="by SLO class, where the traffic names any")] = ()

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """From the runs of all seeds, the first seed's first; raises ValueError where there is none."""
        if not outcomes:
            raise ValueError("no run to measure")
        runs = [one.metrics for one in outcomes]
        mean = together(runs)
        return cls(
            **{field.name: getattr(mean, field.name) for field in fields(Metrics)},
            seeds=len(outcomes),
            ci95=ranges(runs) if len(runs) > 1 else None,
            pools=together([one.pools for one in outcomes]),
            distribution=together([one.distribution for one in outcomes]),
            timeline=outcomes[0].timeline,
            classes=together([one.classes for one in outcomes]),
        )


def together(values: Sequence[T]) -> T:
    """The mean of numbers, any of truths, the first of words; of values made of them, part by part."""
    first: Any = values[0]
    if is_dataclass(first):
        parts = {f.name: together([getattr(value, f.name) for value in values]) for f in fields(first)}
        return replace(first, **parts)  # type: ignore[type-var, return-value]
    if isinstance(first, tuple):
        return tuple(map(together, zip(*values, strict=True)))  # type: ignore[return-value]
    if isinstance(first, bool):
        return any(values)  # type: ignore[return-value]
    return sum(values) / len(values) if isinstance(first, int | float) else first  # type: ignore[arg-type, return-value]


def ranges(runs: Sequence[Any]) -> Ranges:
    """The interval's ends of every number, by field name."""
    out: dict[str, Any] = {}
    for field in fields(runs[0]):
        values = [getattr(run, field.name) for run in runs]
        if is_dataclass(values[0]):
            out[field.name] = ranges(values)
        elif not isinstance(values[0], bool):
            found = interval(values)
            out[field.name] = (found.low, found.high)
    return out


def figure(value: Any, path: str) -> float:
    """The number at a dotted path, as ttft_s.p90."""
    for name in path.split("."):
        value = getattr(value, name)
    return float(value)
