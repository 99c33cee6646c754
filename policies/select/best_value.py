"""The model of the best value: a quality head's expectation against dollars, lateness, joules and the switch.

The head is held here, or it runs elsewhere and the reading `quality` tells what it expects.

The options carry the fleet as it stands: a busy pool is late, an idle one cheap, so one score chooses model and pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.select.foretold import foretold
from policies.select.objective import Objective
from policies.select.port import Choice, Context, Option, select
from policies.select.quality.port import Floats, Quality


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class BestValue:
    """A quality head and what its answers are worth."""

    models: tuple[str, ...] = ()  # in the order of the head's answers
    quality: Quality | None = None  # None: the reading tells
    objective: Objective = field(default_factory=Objective)

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`; a model that the head does not know has no quality, and if it knows none the first goes."""
        expected = self.expected(context, options)
        if options and not np.isfinite(expected).any():
            return Choice(0, 1.0, f"nothing is expected of any: {options[0].model} is the first")
        return self.objective.best(context, options, expected, "best value")

    def expected(self, context: Context, options: Sequence[Option]) -> Floats:
        """Expected quality by option, NaN where the head knows nothing."""
        if self.quality is None:
            return foretold(context.readings, options, float("nan"))
        by_model = dict(zip(self.models, self.quality.expect(context.features), strict=True))
        return np.array([by_model.get(option.model, np.nan) for option in options])
