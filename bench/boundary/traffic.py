"""A day in which short chats by day give way to long agent requests by night, at published distributions of lengths."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sims.analytic.lengths import published
from sims.arrivals import Arrivals

HOUR_S, DAY_S = 3600.0, 86_400.0
ANSWER_SHARE = 0.2
"""Share of a request's tokens that is its answer; the distributions are of both together."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of request, its rate the highest at noon or at midnight."""

    lengths: str  # a distribution of `sims.analytic`
    most_rps: float
    by_day: bool
    least: float = 0.1  # share of the highest rate that always comes

    def rate(self, at: Floats) -> Floats:
        """Requests a second at some times."""
        day = 0.5 - 0.5 * np.cos(2.0 * np.pi * at / DAY_S)
        return self.most_rps * (self.least + (1.0 - self.least) * (day if self.by_day else 1.0 - day))


KINDS = (
    Kind(lengths="lmsys", most_rps=16.0, by_day=True),
    Kind(lengths="agent", most_rps=2.0, by_day=False),
)


def day(seed: int, span_s: float = DAY_S, kinds: tuple[Kind, ...] = KINDS) -> Arrivals:
    """The requests from midnight on as one seed draws them: Poisson arrivals at the rate of the time."""
    parts = [_drawn(kind, np.random.Generator(np.random.PCG64([seed, i])), span_s) for i, kind in enumerate(kinds)]
    at, totals = (np.concatenate([part[i] for part in parts]) for i in range(2))
    order = np.argsort(at, kind="stable")
    answers = np.maximum(np.rint(ANSWER_SHARE * totals[order]), 1.0)
    prompts = np.maximum(totals[order] - answers, 1.0)
    return Arrivals.drawn(at[order], prompts.astype(np.int32), answers.astype(np.int32))


def _drawn(kind: Kind, rng: np.random.Generator, span_s: float) -> tuple[Floats, Floats]:
    """Times and total tokens: a Poisson process at the highest rate, thinned."""
    count = rng.poisson(kind.most_rps * span_s)
    at = np.sort(rng.random(count) * span_s)
    at = at[rng.random(count) * kind.most_rps < kind.rate(at)]
    lengths = published(kind.lengths)
    tokens, shares = (np.array((0.0, *column)) for column in (lengths.tokens, lengths.shares))
    return at, np.maximum(np.interp(rng.random(len(at)), shares, tokens), 2.0)
