"""All runs of one command: what was done before is taken from the journal, the rest is done, an interrupt ends it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import product
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from sims.measure.outcome import Outcome
from sims.sweep.inputs import Inputs, Unit
from sims.sweep.journal import Journal
from sims.sweep.paths import Axis, Point
from sims.sweep.trial import Bench, Simulator


class Executor(Protocol):
    """Runs units somewhere; a context that leaves nothing running."""

    def __enter__(self) -> Self:
        """Ready."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everything that was started is stopped."""

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        """Each unit's place and outcome, as it is done."""


class Here:
    """In this very process, one after the other."""

    def __init__(self, inputs: Inputs, simulate: Simulator | None = None) -> None:
        self._bench = Bench(inputs, simulate)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was started."""

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        """Each unit's place and outcome."""
        return ((place, self._bench.run(unit)) for place, unit in enumerate(units))


@dataclass(kw_only=True)
class Study:
    """What was asked for and what is known so far."""

    points: Sequence[Point]
    seeds: int
    found: dict[Unit, Outcome] = field(default_factory=dict)
    interrupted: bool = False
    elapsed_s: float = 0.0
    resumed: int = 0  # runs that were done before

    @property
    def units(self) -> list[Unit]:
        """Every run, all points of a seed before the next seed: what is done early then compares fairly."""
        return [Unit(point=point, seed=seed) for seed in range(self.seeds) for point in self.points]

    def of(self, point: Point) -> dict[int, Outcome]:
        """A point's finished runs by seed, the first seed first."""
        runs = {seed: self.found.get(Unit(point=point, seed=seed)) for seed in range(self.seeds)}
        return {seed: found for seed, found in runs.items() if found is not None}


Told = Callable[[Study], None]


def cross(axes: Sequence[Axis]) -> list[Point]:
    """Every combination of the axes' values, the last axis changing fastest."""
    return [
        tuple(zip((axis.path for axis in axes), values, strict=True))
        for values in product(*(axis.values for axis in axes))
    ]


def carry_out(
    study: Study, inputs: Inputs, executor: Executor, *, journal: Journal | None = None, told: Told = lambda _: None
) -> Study:
    """Do what is left to do, telling after each run; an interrupt leaves what was done, marked."""
    begun = monotonic()
    fingerprint = inputs.fingerprint() if journal else ""
    known = journal.done() if journal else {}
    for unit in study.units:
        before = known.get(unit.key(fingerprint)) if known else None
        if before is not None:
            study.found[unit] = before
    study.resumed = len(study.found)
    left = [unit for unit in study.units if unit not in study.found]
    told(study)
    try:
        writing: AbstractContextManager[Journal | None] = journal or nullcontext()
        with writing, executor:
            for place, outcome in executor.run(left) if left else ():
                study.found[left[place]] = outcome
                if journal:
                    journal.add(left[place].key(fingerprint), outcome)
                told(study)
    except KeyboardInterrupt:
        study.interrupted = True
    study.elapsed_s = monotonic() - begun
    return study
