"""A learner in a router: it chooses at once, is told of bills and verdicts when they come, and learns by the tick."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Protocol, Self

from policies.select.awaiting import Awaiting, Unsettled
from policies.select.port import Choice, Context, Feedback, Option

MOST_WAITING = 10_000  # verdicts between two moments of learning; more are dropped, the oldest first


class Exploring(Protocol):
    """A learner that has to be told what was sent, because trying things out is charged at once."""

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`."""

    def sent(self, context: Context, options: Sequence[Option], choice: Choice) -> Self:
        """Having sent a request so."""

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """See `Learner`."""


class Learning:
    """The newest value of a learner, what it waits for, and the record of each choice."""

    def __init__(self, learner: Exploring, awaiting: Awaiting | None = None) -> None:
        self.learner = learner
        self.awaiting = Awaiting() if awaiting is None else awaiting
        self._bills: dict[str, float] = {}  # dollars by decision, until its verdict
        self._told: list[Feedback] = []
        self.dropped = 0

    def choose(
        self, decision: str, context: Context, options: Sequence[Option], now: float
    ) -> tuple[Option, dict[str, Any]]:
        """Where a request goes, and what its decision record says under `choice`."""
        choice = self.learner.choose(context, options)
        self.learner = self.learner.sent(context, options, choice)
        self.awaiting.took(decision, context, options[choice.option], choice, now)
        return options[choice.option], record(decision, context, options, choice)

    def billed(self, decision: str, usd: float) -> None:
        """What a request did cost; before its verdict."""
        if isfinite(usd) and self.awaiting.tenant(decision) is not None:
            self._bills[decision] = usd

    def judged(self, decision: str, rating: float, tenant: str | None = None) -> Unsettled | None:
        """A verdict; `tenant` None where whoever took it has made sure whose it is. Why it was not taken, or None."""
        owner = self.awaiting.tenant(decision) if tenant is None else tenant
        found = self.awaiting.settle(decision, owner or "", rating, self._bills.get(decision, float("nan")))
        if isinstance(found, Unsettled):
            return found
        self._bills.pop(decision, None)
        self._told.append(found)
        if len(self._told) > MOST_WAITING:
            del self._told[0]
            self.dropped += 1
        return None

    def tick(self, now: float) -> bool:
        """Learn from what came since the last time; whether there was anything."""
        told = self._told + self.awaiting.expired(now)
        self._told = []
        if told:
            self.learner = self.learner.learn(told)
            self._bills = {name: usd for name, usd in self._bills.items() if self.awaiting.tenant(name) is not None}
        return bool(told)


def record(decision: str, context: Context, options: Sequence[Option], choice: Choice) -> dict[str, Any]:
    """A choice as `weir evaluate` reads it; what is no number is left out."""
    return {
        "decision": decision,
        "features": [float(each) for each in context.features],
        "readings": {
            name: {"value": each.value if each.known() else None, "label": each.label}
            for name, each in sorted(context.readings.items())
        },
        "last_model": context.last_model,
        "chosen": choice.option,
        "propensity": choice.propensity,
        "why": choice.why,
        "options": [option._asdict() for option in options],
    }
