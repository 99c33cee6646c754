"""What every bandit here has in common: beliefs, a purse, and a draw by the request's hash from stated odds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import NamedTuple, Self

import numpy as np

from policies.request import coin
from policies.select.beliefs import Beliefs, Floats
from policies.select.objective import Objective
from policies.select.port import Choice, Context, Feedback, Option
from policies.select.purse import Purse

SALT = 0x5E1EC7  # so that this draw is not the routing policy's


class Outlook(NamedTuple):
    """The options of one request in dollars; all of shape (options,)."""

    quality: Floats  # expected, 0..1
    worth_usd: Floats  # expected: quality's value less everything it costs
    error_usd: Floats  # standard error of the worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """A learner that weighs options in dollars; deriving classes say with which odds each is taken."""

    objective: Objective = field(default_factory=Objective)
    floor: float = 0.0  # every option is taken with at least this probability over the number of options
    beliefs: Beliefs = field(default_factory=lambda: Beliefs(width=1))
    purse: Purse = field(default_factory=Purse)

    def outlook(self, context: Context, options: Sequence[Option]) -> Outlook:
        """What each option is expected to be worth to this request."""
        quality, error = self.beliefs.expect(context, options)
        worth = np.array(self.objective.scores(context, options, quality))
        above = np.array(self.objective.scores(context, options, quality + error))
        return Outlook(quality, worth, above - worth)

    def odds(self, outlook: Outlook) -> Floats:
        """With which probability each option is taken, were money no object."""
        raise NotImplementedError

    def probabilities(self, context: Context, options: Sequence[Option]) -> Floats:
        """With which probability a random request like this one takes each option; sums to one."""
        return self._within_purse(self.outlook(context, options), options)

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """The option that the request's hash draws."""
        outlook = self.outlook(context, options)
        shares = self._within_purse(outlook, options)
        drawn = drawn_from(shares, coin(context.id, SALT))
        why = "best so far" if drawn == best(outlook.worth_usd) else "exploring"
        return Choice(drawn, float(shares[drawn]), why, tuple(outlook.quality.tolist()))

    def sent(self, context: Context, options: Sequence[Option], choice: Choice) -> Self:
        """Having sent a request so: an exploring one is charged to the purse at once, however late its bill is."""
        purse = self.purse.sent(context.id, options[choice.option].usd, choice.why == "exploring")
        return replace(self, purse=purse)

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """Having seen what became of some choices."""
        bills = {one.context.id: one.usd for one in feedback if isfinite(one.usd)}
        return replace(self, beliefs=self.beliefs.learn(feedback), purse=self.purse.billed(bills))

    def _within_purse(self, outlook: Outlook, options: Sequence[Option]) -> Floats:
        shares, first = self.odds(outlook), best(outlook.worth_usd)
        shares = (1.0 - self.floor) * shares + self.floor / len(options)
        left = self.purse.left_usd()
        too_dear = np.array([option.usd > left for option in options])
        too_dear[first] = False
        shares[first] += shares[too_dear].sum()
        shares[too_dear] = 0.0
        return shares


def best(worth: Floats) -> int:
    """The first of the largest."""
    return int(np.argmax(worth))


def one_hot(n: int, at: int) -> Floats:
    """Certainty."""
    shares = np.zeros(n)
    shares[at] = 1.0
    return shares


def drawn_from(shares: Floats, draw: float) -> int:
    """The place in which a draw in [0, 1) falls; never one of probability zero."""
    reached = np.cumsum(shares)
    at = int(np.searchsorted(reached, draw * reached[-1], side="right"))
    return min(at, int(np.flatnonzero(shares)[-1]))
