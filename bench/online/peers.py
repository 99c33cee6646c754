"""A library's bandits on the same streams: MABWiser's LinUCB and linear Thompson, where it is installed.

They know neither drift nor a budget; what they are told, and when, is the same.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Self

import numpy as np

from bench.online.stream import Bandit
from policies.select.beliefs import Beliefs
from policies.select.port import Choice, Context, Feedback, Option
from policies.select.purse import Purse


class Peer:
    """MABWiser behind the port of our own; it learns in place."""

    def __init__(self, models: Sequence[str], policy: Any) -> None:
        from mabwiser.mab import MAB

        self.purse, self.beliefs = Purse(), Beliefs(width=1)
        self._mab, self._begun = MAB(arms=list(models), learning_policy=policy), False

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """The arm of the largest expectation that this request may go to; the first before anything is learned."""
        if not self._begun:
            return Choice(0, 1.0, "best so far")
        told = self._mab.predict_expectations(np.asarray(context.features)[None, :])
        return Choice(int(np.argmax([told[option.model] for option in options])), 1.0, "best so far")

    def sent(self, context: Context, options: Sequence[Option], choice: Choice) -> Self:
        """Nothing is charged: it has no budget."""
        return self

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """The judged ones."""
        judged = [one for one in feedback if np.isfinite(one.quality)]
        if judged:
            rows = np.array([one.context.features for one in judged])
            fit = self._mab.partial_fit if self._begun else self._mab.fit
            fit([one.model for one in judged], [one.quality for one in judged], rows)
            self._begun = True
        return self


def peers(models: Sequence[str]) -> Mapping[str, Callable[[], Bandit]]:
    """The library's bandits; none where it is not installed."""
    if find_spec("mabwiser") is None:
        return {}
    from mabwiser.mab import LearningPolicy

    return {
        "mabwiser_linucb": partial(Peer, models, LearningPolicy.LinUCB(alpha=0.5)),
        "mabwiser_lints": partial(Peer, models, LearningPolicy.LinTS(alpha=0.5)),
    }
