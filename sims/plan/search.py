"""From analytic candidates to the cheapest fleet that simulation lets pass.

Adding a replica never makes a fleet miss a deadline that it met: so what lies below a fleet that fails fails as well,
and what lies above one that meets is not cheaper. The programme says where to begin, simulation of each kind alone
corrects the programme, and then whatever is cheaper than the best so far and still plausible is tried, most plausible
first.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil, inf
from time import monotonic

import numpy as np

from sims.plan.asked import Asked
from sims.plan.frontier import frontier, speeds
from sims.plan.judge import Judge, Verdict
from sims.plan.programme import Counts, broken, hourly, mix, most_of, utilisation
from sims.plan.surrogate import Surrogate, fitted
from sims.plan.traffic import Places
from sims.plan.trial import WORST
from sims.plan.work import Work

Told = Callable[[str], None]

FINE = 0.005
"""Fleets cheaper by a smaller share than this are not looked for."""

PLAUSIBLE = 1.12
"""How busy, against what meets the deadlines, a fleet may be by the programme and still be tried."""

HOPE = 0.12
"""Expected margin, a logarithm, up to which a fleet is still tried."""

STUCK = 0.01
"""A quarter more replicas that improve the margin by less than this, twice over, will not help."""

FILL = 0.75
"""How busy replicas may be in the first guess."""

RHOS = (1.0, 0.92, 0.84, 0.75, 0.65, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When to stop looking for something cheaper."""

    trials: int = 120  # fleets simulated in the local search
    seconds: float = 240.0
    least: int = 60  # fleets simulated in all even where nothing cheaper looks promising any more


BUDGET = Budget()


@dataclass(kw_only=True)
class Search:
    """One search among some kinds."""

    judge: Judge
    work: Work  # of all kinds, before it was corrected
    asked: Asked
    budget: Budget = BUDGET
    told: Told = lambda said: None
    factors: dict[int, float] = field(default_factory=dict)  # by kind: simulated over analytic replicas
    tried: int = 0

    def cost(self, counts: Counts) -> float:
        """The figure that is made small, an hour."""
        return sum(n * hourly(kind, self.asked) for n, kind in zip(counts, self.work.kinds, strict=True))

    def alone(self, k: int) -> Verdict | None:
        """The fewest replicas of kind k alone that meet the deadlines; None where its limit does not allow enough."""
        most = most_of(self.work.kinds[k], self.asked)
        busy = self.work.alone(k)
        if most < 1 or busy == inf or busy > 1.5 * most:
            return None
        guess = max(1, min(most, ceil(busy / FILL)))
        found = self._bisected(k, guess, most)
        if found is not None:
            self.factors[k] = max(found.counts[k] - 0.5, 0.5) / busy
        return found

    def _bisected(self, k: int, guess: int, most: int) -> Verdict | None:
        """The fewest replicas by galloping from the guess, then halving."""
        low, high, at = 0, 0, guess
        best: Verdict | None = None
        worst: list[float] = []
        while best is None:
            verdict = self._try(self._only(k, at))
            worst.append(verdict.worst)
            if verdict.meets:
                best, high = verdict, at
            elif at >= most or (len(worst) > 2 and worst[-3] - worst[-1] < STUCK and worst[-1] < WORST):
                return None
            else:
                low, at = at, min(most, max(at + 1, ceil(at * 1.25)))
        step = max(1, high // 8)
        while high - low > 1:
            middle = max(low + 1, high - step) if low < high - step else (low + high) // 2
            verdict = self._try(self._only(k, middle))
            if verdict.meets:
                best, high = verdict, middle
            else:
                low = middle
            step = max(1, min(2 * step, (high - low) // 2))
        return best

    def mixed(self, start: Verdict | None) -> Verdict | None:
        """The cheapest fleet of any kinds: from the programme's and the start's, by local search."""
        best = start
        for counts in self._programmed():
            if best is None or self.cost(counts) < self.cost(best.counts) * (1.0 - FINE / 4.0):
                verdict = self._try(counts)
                if verdict.meets:
                    best = verdict
                    break
        return None if best is None else self._improved(best)

    def corrected(self) -> Work:
        """The work as simulation of each kind alone corrected it; kinds that were not simulated take the middle."""
        known = list(self.factors.values())
        middle = float(np.median(known)) if known else 1.0 / FILL
        return self.work.scaled(np.array([self.factors.get(k, middle) for k in range(len(self.work.kinds))]))

    def _programmed(self) -> Iterator[Counts]:
        """The programme's fleets, the fullest first."""
        work = self.corrected()
        seen: set[Counts] = set()
        for rho in RHOS:
            found = mix(work, self.asked, rho)
            if found is not None and found.counts not in seen:
                seen.add(found.counts)
                yield found.counts

    def _improved(self, best: Verdict) -> Verdict:
        """Cheaper fleets, the most promising first, until none is left or the budget is spent."""
        until, work = monotonic() + self.budget.seconds, self.corrected()
        busy: dict[Counts, float] = {}
        begun = self.tried
        while self.tried - begun < self.budget.trials and monotonic() < until:
            counts = self._next(best.counts, work, busy)
            if counts is None:
                break
            verdict = self._try(counts)
            best = verdict if verdict.meets else best
        return best

    def _next(self, best: Counts, work: Work, busy: dict[Counts, float]) -> Counts | None:
        """The most promising fleet that is cheaper than the best and not known to fail."""
        costs = [hourly(kind, self.asked) for kind in work.kinds]
        failed = np.array([one.counts for one in self.judge.known.values() if not one.meets]).reshape(-1, len(costs))
        found = list(dict.fromkeys(frontier(costs, self.cost(best) * (1.0 - FINE), best)))
        margins, enough = self._learnt(work).margin(found), len(self.judge.known) >= self.budget.least
        for i in np.argsort(margins, kind="stable").tolist():
            counts: Counts = found[i]
            if margins[i] > HOPE and enough:
                return None
            if _part_of_any(np.array(counts), failed) or broken(counts, work.kinds, self.asked):
                continue
            if counts not in busy:
                busy[counts] = utilisation(work, counts)
            if busy[counts] <= PLAUSIBLE or not enough:
                return counts
        return None

    def _learnt(self, work: Work) -> Surrogate:
        """What all fleets simulated so far say of others."""
        known = list(self.judge.known.values())
        margins = [one.bound if one.bound < inf else max(one.worst, 0.02) for one in known]
        return fitted(speeds(work), [one.counts for one in known], margins)

    def _try(self, counts: Counts) -> Verdict:
        if counts not in self.judge.known:
            self.tried += 1
        verdict = self.judge.verdict(counts)
        self.told(f"{self.said(counts)}: {'meets' if verdict.meets else 'misses'} ({verdict.worst:+.2f})")
        return verdict

    def said(self, counts: Counts) -> str:
        """A fleet in words."""
        parts = [f"{n} × {kind.name}" for n, kind in zip(counts, self.work.kinds, strict=True) if n]
        return f"{' + '.join(parts)}, {self.cost(counts):.2f} an hour"

    def _only(self, k: int, n: int) -> Counts:
        return tuple(n if i == k else 0 for i in range(len(self.work.kinds)))


def cheapest(verdicts: Iterable[Verdict | None], cost: Callable[[Counts], float]) -> Verdict | None:
    """The cheapest of those that meet."""
    met = [one for one in verdicts if one is not None and one.meets]
    return min(met, key=lambda one: cost(one.counts), default=None)


def _part_of_any(counts: Places, others: Places) -> bool:
    """Whether a fleet has the same kinds as one of the others and no more of any: then it fails where that one does."""
    return bool((((counts > 0) == (others > 0)) & (counts <= others)).all(axis=1).any())
