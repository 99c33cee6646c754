"""Whether a fleet meets the deadlines: seed after seed until it is clear, dropped at the first that fails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, sqrt
from statistics import fmean, stdev

from sims.plan.asked import Asked
from sims.plan.programme import Counts, scipy_or_say
from sims.plan.trial import Score, Trial

CLEAR_SEEDS, CLEAR = 4, -0.2
"""After so many seeds a fleet whose bound lies that far inside, a fifth, is taken to pass: a cheaper one is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the seeds said so far."""

    counts: Counts
    scores: tuple[Score, ...]
    bound: float  # logarithm of a percentile over its deadline that the next seed stays below with that confidence
    meets: bool

    @property
    def worst(self) -> float:
        """The mean over seeds of the deadline kept least; above 0 it is missed."""
        return fmean(score.worst for score in self.scores) if self.scores else inf

    def mean(self, of: Callable[[Score], float]) -> float:
        """A figure's mean over seeds."""
        return fmean(of(score) for score in self.scores)


@dataclass(kw_only=True)
class Judge:
    """Runs trials, remembers what they said, counts them."""

    trial: Trial
    simulated: int = 0  # seeds run
    known: dict[Counts, Verdict] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        """What is to be met."""
        return self.trial.asked

    def verdict(self, counts: Counts) -> Verdict:
        """Whether that fleet meets every deadline with the asked confidence: on all seeds, or not on one."""
        found = self.known.get(counts)
        if found is None:
            found = self.known[counts] = self._run(counts)
        return found

    def _run(self, counts: Counts) -> Verdict:
        scores: list[Score] = []
        for seed in range(self.asked.first_seed, self.asked.first_seed + self.asked.seeds):
            scores.append(self.trial.score(counts, seed))
            self.simulated += 1
            if scores[-1].worst > 0.0:
                return Verdict(counts=counts, scores=tuple(scores), bound=inf, meets=False)
            if len(scores) >= CLEAR_SEEDS and bound(scores, self.asked.confidence) < CLEAR:
                break
        found = bound(scores, self.asked.confidence)
        return Verdict(counts=counts, scores=tuple(scores), bound=found, meets=found <= 0.0)


def bound(scores: list[Score], confidence: float) -> float:
    """What the next seed's margin of any deadline stays below: mean + t·s·√(1 + 1/n), the worst of the deadlines."""
    count = len(scores)
    if count < 2:
        return inf
    t = _student(confidence, count - 1)
    columns = zip(*(score.margins for score in scores), strict=True)
    return float(max(fmean(column) + t * stdev(column) * sqrt(1.0 + 1.0 / count) for column in columns))


def _student(confidence: float, freedom: int) -> float:
    """The one-sided quantile of Student's t."""
    scipy_or_say()
    from scipy.special import stdtrit

    return float(stdtrit(freedom, confidence))
