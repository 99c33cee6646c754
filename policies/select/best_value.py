"""The model of the best value: a quality head's expectation against dollars, lateness, joules and the switch.

The options carry the fleet as it stands: a busy pool is late, an idle one cheap, so one score chooses model and pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.select.objective import Objective
from policies.select.port import Choice, Context, Option, select
from policies.select.quality.port import Floats, Quality


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class BestValue:
    """A quality head and what its answers are worth."""

    models: tuple[str, ...]  # in the order of the head's answers
    quality: Quality
    objective: Objective = field(default_factory=Objective)

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`; a model that the head does not know has no quality."""
        return self.objective.best(context, options, self.expected(context, options), "best value")

    def expected(self, context: Context, options: Sequence[Option]) -> Floats:
        """Expected quality by option, NaN where the head knows nothing."""
        by_model = dict(zip(self.models, self.quality.expect(context.features), strict=True))
        return np.array([by_model.get(option.model, np.nan) for option in options])
