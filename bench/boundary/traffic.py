"""Hours in which short chats and long agent requests take turns to be most of what comes, at published lengths."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sims.analytic.lengths import published
from sims.arrivals import Arrivals

PHASE_S, PHASES = 5400.0, 2
ANSWER_SHARE = 0.2
"""Share of a request's tokens that is its answer; the distributions are of both together."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of request, and how many a second come in its own phases and in the other's."""

    lengths: str  # a distribution of `sims.analytic`
    first: bool  # whether the first phase, and every second one after it, is its own
    own_rps: float
    other_rps: float

    def rate(self, at: Floats) -> Floats:
        """Requests a second at some times."""
        own = (at // PHASE_S % 2 == 0) == self.first
        return np.where(own, self.own_rps, self.other_rps)


KINDS = (
    Kind(lengths="lmsys", first=True, own_rps=40.0, other_rps=4.0),
    Kind(lengths="agent", first=False, own_rps=1.5, other_rps=0.15),
)
HEAVY = (
    Kind(lengths="lmsys", first=True, own_rps=45.0, other_rps=4.5),
    Kind(lengths="agent", first=False, own_rps=1.8, other_rps=0.18),
)
"""About as much as the fleet of `bench.boundary.trial` can serve at all."""


def hours(seed: int, phases: int = PHASES, kinds: tuple[Kind, ...] = KINDS) -> Arrivals:
    """The requests of some phases as one seed draws them: Poisson arrivals at the rate of the time."""
    span_s = phases * PHASE_S
    parts = [_drawn(kind, np.random.Generator(np.random.PCG64([seed, i])), span_s) for i, kind in enumerate(kinds)]
    at, totals = (np.concatenate([part[i] for part in parts]) for i in range(2))
    order = np.argsort(at, kind="stable")
    answers = np.maximum(np.rint(ANSWER_SHARE * totals[order]), 1.0)
    prompts = np.maximum(totals[order] - answers, 1.0)
    return Arrivals.drawn(at[order], prompts.astype(np.int32), answers.astype(np.int32))


def _drawn(kind: Kind, rng: np.random.Generator, span_s: float) -> tuple[Floats, Floats]:
    """Times and total tokens: a Poisson process at the highest rate, thinned."""
    most_rps = max(kind.own_rps, kind.other_rps)
    at = np.sort(rng.random(rng.poisson(most_rps * span_s)) * span_s)
    at = at[rng.random(len(at)) * most_rps < kind.rate(at)]
    lengths = published(kind.lengths)
    tokens, shares = (np.array((0.0, *column)) for column in (lengths.tokens, lengths.shares))
    return at, np.maximum(np.interp(rng.random(len(at)), shares, tokens), 2.0)
