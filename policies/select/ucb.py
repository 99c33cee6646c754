"""The most that an option may be worth by how often it was tried (UCB1, Auer et al. 2002), whatever was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from policies.select.beliefs import Floats
from policies.select.exploring import Explorer, Outlook, best, one_hot
from policies.select.port import Context, Feedback, Option, select


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class Ucb(Explorer):
    """Looks at no features; its confidence widens with the logarithm of all that was seen."""

    scale: float = 1.0  # of the confidence width; 2 is UCB1's for rewards in 0..1

    def outlook(self, context: Context, options: Sequence[Option]) -> Outlook:
        """What each option is expected to be worth to any request."""
        return Explorer.outlook(self, _plain(context), options)

    def odds(self, outlook: Outlook) -> Floats:
        """All on the largest upper bound."""
        seen = float(self.beliefs.xx[:, 0, 0].sum()) if self.beliefs.names else 0.0
        bound = outlook.worth_usd + self.scale * outlook.error_usd * log(max(seen, 3.0)) ** 0.5
        return one_hot(len(bound), best(bound))

    def learn(self, feedback: Sequence[Feedback]) -> "Ucb":
        """Having seen what became of some choices, whatever their features were."""
        return Explorer.learn(self, [one._replace(context=_plain(one.context)) for one in feedback])


def _plain(context: Context) -> Context:
    return context._replace(features=context.features[:0])
