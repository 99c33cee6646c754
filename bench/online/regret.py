"""Regret after the drift: points of accuracy below the best, beside those of whoever did not move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.online.answers import Floats
from bench.online.stream import Run, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Regret:
    """Mean points of accuracy lost per question after the drift."""

    learner: float  # against the model that is best after the drift
    static: float  # of the model that was best before it
    learner_by_domain: float  # against the best model of each domain
    static_by_domain: float
    hindsight_by_domain: float  # of the one model that is best after the drift

    @property
    def share(self) -> float:
        """The learner's regret as a share of the static policy's."""
        return self.learner / max(self.static, 1e-9)


def regret(of: Stream, ran: Run) -> Regret:
    """What was lost on one stream."""
    after, domains = of.after(), of.answers.domains[of.order[of.half :]]
    means, earned = np.nanmean(after, axis=0), float(ran.quality[of.half :].mean())
    single, parted = float(means.max()), by_domain(after, domains)
    return Regret(
        learner=single - earned,
        static=single - float(means[of.best]),
        learner_by_domain=parted - earned,
        static_by_domain=parted - float(means[of.best]),
        hindsight_by_domain=parted - single,
    )


def by_domain(right: Floats, domains: npt.NDArray[np.str_]) -> float:
    """Accuracy of the best model of each domain, known in hindsight."""
    named = np.unique(domains)
    return float(sum((domains == one).mean() * np.nanmean(right[domains == one], axis=0).max() for one in named))


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % interval over seeds, by Student's t."""
    from scipy.stats import t

    found = np.array(values)
    off = float(t.ppf(0.975, len(found) - 1)) * float(found.std(ddof=1)) / len(found) ** 0.5
    mean = float(found.mean())
    return {"mean": round(mean, 4), "low": round(mean - off, 4), "high": round(mean + off, 4)}
