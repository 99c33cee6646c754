"""A model's reputation in a domain: a Beta posterior of its verdicts there, whoever gave them (direction O2).

Only the last so many verdicts of a cell count, so that a model which gets worse is noticed; a cell with few verdicts
leans on the model's record in all domains, and that on an average.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np

from policies.select.objective import Objective
from policies.select.port import Choice, Context, Feedback, Option, select

Cell = tuple[str, str]
"""(model, domain); the empty domain is all of them."""

DOMAIN = "domain"
"""The reading that tells the domain."""


class Verdicts(NamedTuple):
    """Good and bad verdicts of one cell, faded to what the window holds."""

    good: float = 0.0
    bad: float = 0.0

    def after(self, quality: float, window: float, weight: float = 1.0) -> "Verdicts":
        """With one more verdict, or a part of one: 0 bad, 1 good, between them a share of each."""
        kept = min(1.0, max(window - weight, 0.0) / max(self.good + self.bad, 1e-9))
        return Verdicts(self.good * kept + weight * quality, self.bad * kept + weight * (1.0 - quality))


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReputation:
    """Verdicts by model and domain."""

    cells: Mapping[Cell, Verdicts] = field(default_factory=lambda: MappingProxyType({}))
    window: float = 1000.0  # verdicts of a cell that count
    lean: float = 20.0  # verdicts' worth of the model's record in all domains
    caution: float = 0.0  # standard deviations taken off: 0 the mean, above it a lower bound
    objective: Objective = field(default_factory=Objective)

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`."""
        domain = domain_of(context)
        quality = np.array([self.quality(option.model, domain) for option in options])
        return self.objective.best(context, options, quality, f"reputation in {domain or 'all domains'}")

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """See `Learner`; feedback that nobody judged teaches nothing."""
        cells = dict(self.cells)
        for each in feedback:
            if np.isfinite(each.quality):
                quality = min(max(each.quality, 0.0), 1.0)
                for domain in {"", domain_of(each.context)}:
                    cell = (each.model, domain)
                    cells[cell] = cells.get(cell, Verdicts()).after(quality, self.window, each.weight)
        return replace(self, cells=MappingProxyType(cells))

    def quality(self, model: str, domain: str) -> float:
        """The posterior mean of a good verdict, less caution times its standard deviation."""
        overall = self.cells.get((model, ""), Verdicts())
        base = (overall.good + 1.0) / (overall.good + overall.bad + 2.0)
        here = self.cells.get((model, domain), Verdicts())
        a, b = here.good + self.lean * base, here.bad + self.lean * (1.0 - base)
        mean = a / (a + b)
        return float(mean - self.caution * (mean * (1.0 - mean) / (a + b + 1.0)) ** 0.5)


def domain_of(context: Context) -> str:
    """The domain that a request's readings tell; empty where they do not."""
    told = context.readings.get(DOMAIN)
    return told.label if told is not None and told.known() else ""
