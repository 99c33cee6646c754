"""A learner in a router: it chooses at once, is told of bills and verdicts when they come, and learns by the tick."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from policies.select.awaiting import Awaiting, Unsettled
from policies.select.elo import Duel
from policies.select.exploring import Explorer
from policies.select.port import Choice, Context, Feedback, Option, Selector
from policies.signals.reading import Readings

MOST_WAITING = 10_000  # verdicts between two moments of learning; more are dropped, the oldest first
MOST_AT_ONCE = 64  # of which so many are learned at a tick, for a tick must not hold the loop
SPARE_BILLS = 1000


class Settled(NamedTuple):
    """A choice of this router that got its verdict."""

    feedback: Feedback
    beside: bool  # whether the canary's policy had made it
    inferred: bool  # whether nobody said the verdict in words


class Learning:
    """The newest value of a learner, and of the canary's beside it; what they wait for; the record of each choice."""

    def __init__(
        self, learner: Selector, awaiting: Awaiting | None = None, beside: Selector | None = None,
        patience_s: float = 600.0,
    ) -> None:  # fmt: skip
        self.learner, self.beside, self.patience_s = learner, beside, patience_s
        self.awaiting = Awaiting() if awaiting is None else awaiting
        self._bills: dict[str, float] = {}  # dollars by decision, until its verdict
        self._hints: OrderedDict[str, tuple[float, float, float]] = OrderedDict()  # rating, weight, when it counts
        self._tried: set[str] = set()  # contexts of which the canary's policy chose
        self._told: list[Feedback] = []
        self._settled: list[Settled] = []
        self._duels: list[Duel] = []
        self.dropped = 0

    def choose(
        self, decision: str, context: Context, options: Sequence[Option], now: float, beside: bool = False
    ) -> tuple[Option, dict[str, Any]]:
        """Where a request goes, and what its decision record says under `choice`; `beside`: as the canary's would."""
        trying = beside and self.beside is not None
        chooser = self.beside if trying and self.beside is not None else self.learner
        choice = chooser.choose(context, options)
        if trying:
            self._tried.add(context.id)
            self.beside = sent(chooser, context, options, choice)
        else:
            self.learner = sent(chooser, context, options, choice)
        self.awaiting.took(decision, context, options[choice.option], choice, now)
        return options[choice.option], record(decision, context, options, choice)

    def forget(self, decision: str) -> None:
        """A choice did not come about: no verdict on it says anything."""
        self.awaiting.forget(decision)
        self._hints.pop(decision, None)
        self._bills.pop(decision, None)
        self._tried.discard(decision)

    def billed(self, decision: str, usd: float) -> None:
        """What a request did cost; before its verdict."""
        if isfinite(usd) and self.awaiting.tenant(decision) is not None:
            self._bills[decision] = usd

    def judged(
        self, decision: str, rating: float, tenant: str | None = None, failure: str = "", weight: float | None = None
    ) -> Unsettled | None:
        """A verdict, inferred where it has a weight; `tenant` None where whoever took it has made sure whose it is.

        Why it was not taken, or None.
        """
        owner = self.awaiting.tenant(decision) if tenant is None else tenant
        found = self.awaiting.settle(decision, owner or "", rating, self._bills.get(decision, float("nan")))
        if isinstance(found, Unsettled):
            return found
        self._bills.pop(decision, None)
        self._hints.pop(decision, None)
        told = found._replace(failure=failure, weight=1.0 if weight is None else weight)
        self._settled.append(Settled(told, told.context.id in self._tried, weight is not None))
        self._tried.discard(told.context.id)
        self.hear([told])
        return None

    def hinted(self, decision: str, rating: float, weight: float, now: float) -> None:
        """What may be a verdict, inferred from what came after: it counts when nobody has said better in time."""
        if self.awaiting.tenant(decision) is not None and decision not in self._hints:
            self._hints[decision] = (rating, weight, now + self.patience_s)

    def hear(self, told: Iterable[Feedback]) -> None:
        """What became of choices, here or at another worker: learned at the next tick."""
        self._told.extend(told)
        over = len(self._told) - MOST_WAITING
        if over > 0:
            del self._told[:over]
            self.dropped += over

    def compared(self, duels: Iterable[Duel]) -> None:
        """Somebody compared two models' answers: learned at the next tick, by a policy that goes by that."""
        self._duels.extend(duels)
        del self._duels[:-MOST_WAITING]

    def settled(self) -> list[Settled]:
        """What was settled here since this was last asked."""
        found, self._settled = self._settled, []
        return found

    def tick(self, now: float) -> bool:
        """Learn from what came since the last time, much of it at the next; whether there was anything."""
        self._ripen(now)
        gone = self.awaiting.expired(now)
        told, self._told = self._told[:MOST_AT_ONCE] + gone, self._told[MOST_AT_ONCE:]
        duels, self._duels = self._duels, []
        self._tried -= {one.context.id for one in gone}
        if told or duels:
            self.learner = taught(self.learner, told, duels)
            self.beside = None if self.beside is None else taught(self.beside, told, duels)
        if len(self._bills) > len(self.awaiting) + SPARE_BILLS:
            self._bills = {name: usd for name, usd in self._bills.items() if self.awaiting.tenant(name) is not None}
        if len(self._tried) > len(self.awaiting) + SPARE_BILLS:
            self._tried = {name for name in self._tried if self.awaiting.tenant(name) is not None}
        return bool(told or duels)

    def _ripen(self, now: float) -> None:
        """Hints of which nobody said better count."""
        while self._hints and next(iter(self._hints.values()))[2] <= now:
            decision, (rating, weight, _) = next(iter(self._hints.items()))
            if self.judged(decision, rating, weight=weight) is not None:
                self._hints.pop(decision, None)


def sent(learner: Selector, context: Context, options: Sequence[Option], choice: Choice) -> Selector:
    """A learner that was told what was sent: trying things out is charged at once."""
    return learner.sent(context, options, choice) if isinstance(learner, Explorer) else learner


def taught(learner: Any, told: Sequence[Feedback], duels: Sequence[Duel]) -> Any:
    """A learner that has heard all that, as far as it learns from such things."""
    if told and hasattr(learner, "learn"):
        learner = learner.learn(told)
    if duels and hasattr(learner, "heard"):
        learner = learner.heard(duels)
    return learner


def record(decision: str, context: Context, options: Sequence[Option], choice: Choice) -> dict[str, Any]:
    """A choice as `weir evaluate` reads it; what is no number is left out."""
    return {
        "decision": decision,
        "features": [float(each) for each in context.features],
        "readings": as_told(context.readings),
        "last_model": context.last_model,
        "chosen": choice.option,
        "propensity": choice.propensity,
        "why": choice.why,
        "options": [option._asdict() for option in options],
    }


def as_told(readings: Readings) -> dict[str, dict[str, Any]]:
    """Readings as a record has them."""
    found: dict[str, dict[str, Any]] = {}
    for name, each in sorted(readings.items()):
        found[name] = {"value": each.value if each.known() else None, "label": each.label}
        if each.scores:
            found[name]["scores"] = dict(each.scores)
    return found
