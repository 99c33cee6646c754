"""The most that an option may be worth to this request, by its features (LinUCB, Li et al. 2010, algorithm 1)."""

from dataclasses import dataclass

from policies.select.beliefs import Floats
from policies.select.exploring import Explorer, Outlook, best, one_hot
from policies.select.port import select


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class LinUcb(Explorer):
    """Optimism by as many standard errors of the regression as `alpha` says; certain, so its propensity is one."""

    alpha: float = 1.0

    def odds(self, outlook: Outlook) -> Floats:
        """All on the largest upper bound."""
        bound = outlook.worth_usd + self.alpha * outlook.error_usd
        return one_hot(len(bound), best(bound))
