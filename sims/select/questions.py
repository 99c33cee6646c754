"""Judged questions behind arrivals: which question each asks, how well and at what length each model answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sims.arrivals import NONE, Arrivals, Ids

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

SALT = 0x0E57
LONGEST = 4.0  # times the recorded answer that a model's may be, and its inverse


class Asked(NamedTuple):
    """The question of each arrival; all of shape (arrivals, models) but the first."""

    question: Places  # shape (arrivals,)
    expected: Floats  # what a head expects of each model's answer, 0..1
    quality: Floats  # what the answer was judged
    tokens: Ids  # its length


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Judged questions, a column a model of the fleet."""

    name: str
    models: tuple[str, ...]  # as the fleet calls them
    topics: tuple[str, ...]  # of each question; "" where none is told
    expected: Floats  # shape (questions, models): by a head that did not see the question
    quality: Floats
    out_tokens: Floats  # NaN where no length is told

    def asked(self, arrivals: Arrivals, seed: int) -> Asked:
        """A question for every arrival, drawn by the seed, of the arrival's own topic where it has one.

        An answer is as long as the recorded one, times by how much the model's answer to this question is longer than
        the models' mean. Raises ValueError where an arrival's topic has no question.
        """
        rng = np.random.Generator(np.random.PCG64([seed, SALT]))
        drawn = rng.integers(0, len(self.quality), len(arrivals))
        for number, topic in enumerate(arrivals.topics):
            rows = np.flatnonzero(arrivals.topic == number)
            own = self._of_topic(topic)
            drawn[rows] = own[rng.integers(0, len(own), len(rows))]
        lengths = np.rint(arrivals.output_tokens[:, None] * self.verbosity()[drawn])
        return Asked(drawn, self.expected[drawn], self.quality[drawn], np.maximum(lengths, 1.0).astype(np.int32))

    def verbosity(self) -> Floats:
        """How long each answer is beside the mean of the models' answers, 1 where that is not known."""
        told = np.nan_to_num(self.out_tokens, nan=0.0)
        known = np.isfinite(self.out_tokens).all(axis=1, keepdims=True)
        mean = np.maximum(told.mean(axis=1, keepdims=True), 1.0)
        return np.where(known, np.clip(told / mean, 1.0 / LONGEST, LONGEST), 1.0)

    def _of_topic(self, topic: str) -> Places:
        rows = np.flatnonzero(np.array([each == topic for each in self.topics]))
        if not len(rows):
            raise ValueError(f"{self.name} has no question of topic {topic!r}, which the trace asks about")
        return rows


def served_quality(asked: Asked, column: Sequence[int], replica: Ids) -> Floats:
    """What each arrival's answer was judged, by the model of the replica that served it; 0 where nobody did.

    `column` is each replica's model as a column.
    """
    served = replica != NONE
    columns = np.asarray(column)[np.where(served, replica, 0)]
    return np.where(served, asked.quality[np.arange(len(replica)), columns], 0.0)
