"""The best so far, and now and then any other (Sutton and Barto 2018, §2.2)."""

from dataclasses import dataclass

import numpy as np

from policies.select.beliefs import Floats
from policies.select.exploring import Explorer, Outlook, best, one_hot
from policies.select.port import select


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonGreedy(Explorer):
    """Explores a fixed share of the requests, evenly."""

    epsilon: float = 0.05

    def odds(self, outlook: Outlook) -> Floats:
        """Most of it on the best, the rest evenly over all."""
        n = len(outlook.worth_usd)
        return np.asarray((1.0 - self.epsilon) * one_hot(n, best(outlook.worth_usd)) + self.epsilon / n)
