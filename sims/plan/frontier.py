"""Fleets worth trying: for every set of a few kinds, those to which no replica can be added below a cost."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sims.plan.programme import Counts
from sims.plan.traffic import Floats
from sims.plan.work import Work

NEAR = 3
"""Replicas of each kind that a fleet of three kinds or more may differ in from the best so far."""


def frontier(costs: Sequence[float], most: float, best: Counts) -> Iterator[Counts]:
    """Fleets of one, two and, near the best, more kinds that cost at most `most` and would cost more with any more
    of their own kinds. Within one set of kinds more replicas never hurt, so what is below these need not be tried.
    """
    kinds = [k for k, cost in enumerate(costs) if 0.0 < cost <= most]
    for k in kinds:
        yield _counts(len(costs), {k: int(most / costs[k] + 1e-9)})
    for a, b in combinations(kinds, 2):
        for n in range(1, int((most - costs[b]) / costs[a] + 1e-9) + 1):
            yield _counts(len(costs), {a: n, b: int((most - n * costs[a]) / costs[b] + 1e-9)})
    for chosen in _threes(kinds, best):
        yield from _near(costs, most, best, chosen)


def speeds(work: Work) -> Floats:
    """The share of all traffic that one replica of each kind carries; of those it can serve where that is not all."""
    served = np.isfinite(work.seconds) & (work.late <= 0.5 * work.rates)
    busy = np.where(served, work.seconds, 0.0) @ work.rates
    share = (served @ work.rates) / work.rates.sum()
    return np.asarray(np.divide(share, busy, out=np.zeros(len(busy)), where=busy > 0.0))


def _threes(kinds: Sequence[int], best: Counts) -> Iterator[tuple[int, ...]]:
    """Sets of kinds: the best's own with up to two more, at least three and at most four."""
    own = tuple(k for k, n in enumerate(best) if n)
    others = [k for k in kinds if k not in own]
    for more in (0, 1, 2):
        for added in combinations(others, more):
            if 3 <= len(own) + more <= 4:
                yield own + added


def _near(costs: Sequence[float], most: float, best: Counts, chosen: tuple[int, ...]) -> Iterator[Counts]:
    """Fleets of those kinds near the best, the last kind filled up to the cost."""
    *free, last = sorted(chosen, key=lambda k: -costs[k])
    partial: list[dict[int, int]] = [{}]
    for k in free:
        reach = range(max(1, best[k] - NEAR), best[k] + NEAR + 1)
        partial = [{**one, k: n} for one in partial for n in reach]
    for one in partial:
        left = most - sum(n * costs[k] for k, n in one.items())
        n = int(left / costs[last] + 1e-9)
        if n >= 1:
            yield _counts(len(costs), {**one, last: n})


def _counts(kinds: int, some: dict[int, int]) -> Counts:
    return tuple(some.get(k, 0) for k in range(kinds))
