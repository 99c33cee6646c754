"""What came to each replica and what ended there between two looks: the lengths that a scaling policy is told of."""

from dataclasses import dataclass

import numpy as np

from policies.scale.lengths import CLASSES, classes
from sims.arrivals import Arrivals
from sims.engine.arena import Array, Memory
from sims.engine.looks import LOOKS
from sims.engine.records import NONE
from sims.engine.run import REFUSED, SHED


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Sums since the look before, a replica an entry."""

    prompt_tokens: Array  # of those sent there for the first time
    ended: Array  # answers whose last token came
    output_tokens: Array  # that came meanwhile, of answers ended or not; the first one of each at its end
    lengths: Array  # of those sent there, by the class of their prompts as they were asked; shape [replicas, CLASSES]
    answered: Array  # of the ended, by the class of their prompts
    answer_tokens: Array  # of those
    late: Array  # of the ended, those that missed a deadline of their class


class Mix:
    """Looks at each arrival from when it may have come until its answer has ended."""

    def __init__(self, memory: Memory, arrivals: Arrivals, asked_tokens: Array) -> None:
        self._outcomes, self._arrivals = memory.array("outcomes_"), arrivals
        self._engines, self._looks = memory.array("engines_"), memory.array("looks_")
        self._ttft_s, self._tpot_s = (memory.array(name)[memory.array("classes_")] for name in ("ttfts_", "tpots_"))
        self._replicas = len(self._engines)
        self._steps, self._batch = np.zeros(self._replicas), np.zeros(self._replicas)
        self._sent, self._over = np.zeros(len(arrivals), np.bool_), np.zeros(len(arrivals), np.bool_)
        self._classes = classes(asked_tokens)
        self._first = 0  # all before it are over

    def since(self, now: float) -> Told:
        """What is new at a time since the last time asked; the looks must be fresh."""
        part = slice(self._first, int(np.searchsorted(self._arrivals.at, now, side="right")))
        rows, sent, over = self._outcomes[part], self._sent[part], self._over[part]
        came = ~sent & (rows.prefill != NONE) & (rows.at <= now)
        ended = ~over & (rows.end <= now)
        sent |= came
        over |= ended | (rows.state == SHED) | (rows.state == REFUSED)
        left = np.flatnonzero(~over)
        self._first += int(left[0]) if len(left) else len(over)
        finished = self._sum(rows.replica[ended], np.ones(int(ended.sum())))
        return Told(
            prompt_tokens=self._sum(rows.prefill[came], self._arrivals.prompt_tokens[part][came]),
            ended=finished,
            lengths=self._lengths(rows.prefill[came], self._classes[part][came]),
            answered=self._lengths(rows.replica[ended], self._classes[part][ended]),
            answer_tokens=self._lengths(
                rows.replica[ended], self._classes[part][ended], self._arrivals.output_tokens[part][ended]
            ),
            output_tokens=self._decoded() + finished,
            late=self._sum(rows.replica[ended], self._late(part, ended)),
        )

    def _late(self, part: slice, ended: Array) -> Array:
        """1 for each answer that ended and had missed a deadline, else 0."""
        rows, gaps = self._outcomes[part][ended], self._arrivals.output_tokens[part][ended] - 1
        slow = rows.end - rows.first > self._tpot_s[part][ended] * gaps
        missed: Array = (rows.first - rows.at > self._ttft_s[part][ended]) | (slow & (gaps > 0))
        return missed.astype(np.float64)

    def _decoded(self) -> Array:
        """Tokens that batches have gained since: steps times the mean of the two batches."""
        engines, batch = self._engines, self._engines.batch.astype(np.float64)
        ahead = self._looks.reshape(-1, LOOKS)[:, 4] - engines.context  # tokens of a phase that is under way
        steps = engines.counter + ahead / np.maximum(batch, 1.0)
        gained: Array = (steps - self._steps) * 0.5 * (batch + self._batch)
        self._steps, self._batch = steps, batch
        return gained

    def _lengths(self, rows: Array, lengths: Array, values: Array | None = None) -> Array:
        """Counts, or sums, by replica and class of length."""
        sums = np.bincount(rows * CLASSES + lengths, weights=values, minlength=self._replicas * CLASSES)
        return sums.reshape(self._replicas, CLASSES)

    def _sum(self, rows: Array, values: Array) -> Array:
        return np.bincount(rows, weights=values, minlength=self._replicas)
