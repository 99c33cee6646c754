"""How models fail, by kind: rates a (model, domain, kind), what each kind costs, and who drifts (direction O4).

Two models that fail equally often are not equal: a refusal is noticed at once, a wrong tool call is paid for in turns.
A kind is told by whoever saw it (a typed outcome); it is never guessed from latency or from a retry.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Self

import numpy as np

from policies.select.model_reputation import domain_of
from policies.select.objective import Objective
from policies.select.port import Choice, Context, Feedback, Option, select

KINDS = ("provider", "timeout", "contract", "refusal", "tool", "judged")
"""Provider or transport failure, timeout, invalid output, safety refusal, verified tool failure, an evaluator's no."""

SIGMAS = 3.0
GOOD = 0.5
"""A quality below which an answer counts as judged a failure."""


class Seen(NamedTuple):
    """One outcome: the empty kind is a success."""

    model: str
    domain: str
    kind: str


class Record(NamedTuple):
    """Trials and failures by kind of one (model, domain), all of them and the latest."""

    trials: float = 0.0
    failures: tuple[float, ...] = (0.0,) * len(KINDS)
    late_trials: float = 0.0  # within the sliding window
    late_failures: tuple[float, ...] = (0.0,) * len(KINDS)


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMemory:
    """Records by (model, domain), what a failure of each kind costs, what handing over costs."""

    records: Mapping[tuple[str, str], Record] = field(default_factory=lambda: MappingProxyType({}))
    # share of an answer's worth that a kind loses; 1 where not named
    cost: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    # extra turns when the first hands to the second
    handoff: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    window: float = 200.0  # outcomes that are the latest
    lean: float = 10.0  # trials' worth of the fleet's rate
    objective: Objective = field(default_factory=Objective)

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`: quality is what failures leave; a hand-over lengthens the session by its extra turns."""
        domain = domain_of(context)
        quality = np.array([1.0 - self.loss(option.model, domain) for option in options])
        longer = [self.handoff.get((context.last_model, option.model), 0.0) for option in options]
        priced = [each._replace(usd=each.usd * (1.0 + turns)) for each, turns in zip(options, longer, strict=True)]
        return self.objective.best(context, priced, quality, f"fewest failures in {domain or 'all domains'}")

    def learn(self, feedback: Sequence[Feedback]) -> Self:
        """See `Learner`: an answer failed as it is told to have, or as whoever judged it bad says; raises as `saw`."""
        told = [one for one in feedback if one.failure or np.isfinite(one.quality)]
        kinds = [one.failure or ("judged" if one.quality < GOOD else "") for one in told]
        return self.saw(Seen(one.model, domain_of(one.context), kind) for one, kind in zip(told, kinds, strict=True))

    def saw(self, outcomes: Iterable[Seen]) -> Self:
        """This memory after some outcomes; raises ValueError for a kind that there is not."""
        records = dict(self.records)
        for each in outcomes:
            if each.kind and each.kind not in KINDS:
                raise ValueError(f"failure kind {each.kind!r} is not known; known: {', '.join(KINDS)}")
            cell = (each.model, each.domain)
            records[cell] = _after(records.get(cell, Record()), each.kind, self.window)
        return replace(self, records=MappingProxyType(records))

    def rate(self, model: str, domain: str, kind: str) -> float:
        """How often the model fails so in that domain; where it drifts, as of late. Little evidence leans on all's."""
        place, record = KINDS.index(kind), self.records.get((model, domain), Record())
        late = self.drifts(model, domain)
        trials = record.late_trials if late else record.trials
        failures = record.late_failures if late else record.failures
        return (failures[place] + self.lean * self._rate_of_all(place)) / (trials + self.lean)

    def loss(self, model: str, domain: str) -> float:
        """Share of an answer's worth that is lost to failures, at most 1."""
        return min(sum(self.cost.get(kind, 1.0) * self.rate(model, domain, kind) for kind in KINDS), 1.0)

    def drifts(self, model: str, domain: str) -> bool:
        """Whether the latest failures are more than three standard deviations above the record's rate."""
        record = self.records.get((model, domain), Record())
        if record.late_trials < 0.5 * self.window or record.trials < 2.0 * record.late_trials:
            return False
        before = sum(record.failures) - sum(record.late_failures)
        rate = (before + 1.0) / (record.trials - record.late_trials + 2.0)
        expected, spread = rate * record.late_trials, (rate * (1.0 - rate) * record.late_trials) ** 0.5
        return bool(sum(record.late_failures) > expected + SIGMAS * spread)

    def _rate_of_all(self, place: int) -> float:
        trials = sum(record.trials for record in self.records.values())
        return sum(record.failures[place] for record in self.records.values()) / max(trials, 1.0)


def _after(record: Record, kind: str, window: float) -> Record:
    keep = min(1.0, max(window - 1.0, 0.0) / max(record.late_trials, 1e-9))
    one = np.array([float(kind == each) for each in KINDS])
    return Record(
        record.trials + 1.0,
        tuple((np.array(record.failures) + one).tolist()),
        record.late_trials * keep + 1.0,
        tuple((np.array(record.late_failures) * keep + one).tolist()),
    )
