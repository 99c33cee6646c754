"""Readings as the numbers that a learner sees: a column for a number or a flag, one for each label of a closed set."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, log1p

import numpy as np

from policies.registry import BadSetting, known
from policies.select.port import Features
from policies.select.rules.known import Known, signals
from policies.signals.reading import UNKNOWN, Reading, Readings

EMBEDDING = "embedding:"
"""What stands before the number of dimensions, in the name of the reading that tells a text's embedding in so many."""

NARROW = 10.0  # counts and amounts are seen as logarithms, this much smaller: the learner's prior is for unit spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What a learner sees of a request, in order; what is unknown is zero."""

    names: tuple[str, ...] = ()  # signals
    embedding: int = 0  # dimensions, after the signals

    def __post_init__(self) -> None:
        there = signals()
        for name in self.names:
            if name not in there:
                raise BadSetting(f"there is no signal {name!r}: {known(name, list(there))}")
            if there[name].kind == "spans" or (there[name].kind == "label" and not there[name].labels):
                raise BadSetting(f"{name!r} is no number and may be any word: a learner sees numbers and closed labels")

    def width(self) -> int:
        """How many columns."""
        there = signals()
        return sum(len(there[name].labels) or 1 for name in self.names) + self.embedding

    def wanted(self) -> frozenset[str]:
        """The learned readings among them."""
        there = signals()
        told = {name for name in self.names if there[name].learned}
        return frozenset(told | ({f"{EMBEDDING}{self.embedding}"} if self.embedding else set()))

    def structural(self) -> frozenset[str]:
        """The others."""
        return frozenset(self.names) - self.wanted()

    def features(self, readings: Readings) -> Features:
        """The numbers, shape (width,)."""
        there = signals()
        found = [each for name in self.names for each in _numbers(there[name], readings.get(name, UNKNOWN))]
        vector = readings.get(f"{EMBEDDING}{self.embedding}", UNKNOWN).scores
        return np.array([*found, *(vector.get(str(at), 0.0) for at in range(self.embedding))])


def vector_reading(vector: Sequence[float]) -> Reading:
    """A vector as a reading."""
    return Reading(1.0, scores={str(at): float(each) for at, each in enumerate(vector)})


def _numbers(told: Known, reading: Reading) -> list[float]:
    if told.labels:
        scores = reading.scores or ({reading.label: 1.0} if reading.known() else {})
        return [scores.get(label, 0.0) for label in told.labels]
    if not reading.known():
        return [0.0]
    value = reading.value
    wide = told.kind in ("count", "number") and not (told.learned and abs(value) <= 1.0)
    return [copysign(log1p(abs(value)), value) / NARROW if wide else value]
