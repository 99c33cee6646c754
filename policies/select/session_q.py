"""The model that is worth most to the rest of a session, and whether its failed turns are cut out first (O1).

What is worth how much was learned offline (`weir train sessions`, `session_values`); nothing is learned here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from policies.request import coin
from policies.select.exploring import best, drawn_from, one_hot
from policies.select.objective import Objective
from policies.select.port import Choice, Context, Option, select
from policies.select.quality.port import Floats
from policies.select.session_values import SessionValues, State
from policies.sessions.failed_turns import failed_turns, tokens, turns
from policies.signals.facts import Facts
from policies.signals.reading import Reading, Readings

STATE = "session_state"
"""The reading of where a session stands: its numbers are the scores, by the names of `State`."""

SALT = 0x5E5510  # so that this draw is nobody else's


@select
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQ:
    """Learned values of (model, cut or not), and how often something else is tried so that logs tell of it."""

    objective: Objective = field(default_factory=Objective)  # of which lateness counts: the values hold the rest
    epsilon: float = 0.0
    columns: Mapping[str, int] = field(default_factory=dict)  # by model: which of the values' models it is
    values: SessionValues | None = None  # None: nothing was learned yet

    def choose(self, context: Context, options: Sequence[Option]) -> Choice:
        """See `Selector`; where nothing is known of any model the first option goes."""
        shares = self.probabilities(context, options)
        drawn, first = drawn_from(shares, coin(context.id, SALT)), best(shares)
        known = self.values is not None and any(option.model in self.columns for option in options)
        why = "exploring" if drawn != first else "worth most to the session" if known else "nothing is known of any"
        return Choice(drawn, float(shares[drawn]), why)

    def probabilities(self, context: Context, options: Sequence[Option]) -> Floats:
        """With which probability each option is taken; sums to one."""
        n = len(options)
        sure = one_hot(n, best(self.worth(context, options)))
        return np.asarray((1.0 - self.epsilon) * sure + self.epsilon / n)

    def worth(self, context: Context, options: Sequence[Option]) -> Floats:
        """Dollars that each option is worth to the session at the least that is likely; of unknown models least of all.

        Of one model's pools the one that is not late, then the cheaper.
        """
        if self.values is None:
            return np.zeros(len(options))
        values = self.values.values(state_of(context.readings, self.columns.get(context.last_model, -1)))
        return np.array([self._worth(option, values) for option in options])

    def _worth(self, option: Option, values: Floats) -> float:
        assert self.values is not None
        if option.model not in self.columns:
            return UNKNOWN_USD
        action = self.columns[option.model] + self.values.models * option.intervene
        return float(values[action]) - self.objective.late_usd * option.over_slo_s - TIE * option.usd


UNKNOWN_USD = -1e9
TIE = 1e-6  # what a dollar counts for between options of the same value: the values hold what turns cost


def state_of(readings: Readings, last_model: int) -> State:
    """Where a session stands as a reading tells it; at its beginning where none does."""
    told = readings.get(STATE)
    of = told.scores if told is not None else {}
    return State(
        turn=int(of.get("turn", 0)),
        context_tokens=float(of.get("context_tokens", 0.0)),
        failures=int(of.get("failures", 0)),
        last_model=last_model,
        successes=int(of.get("successes", 0)),
    )


def standing(asked: Facts, cut: int, of: Sequence[range] | None = None) -> Reading:
    """Where a session stands, its first `cut` failed turns being left out; the reading's value is the failures.

    `of` are its turns, where somebody knows them already.
    """
    there = turns(asked.messages) if of is None else of
    failed, took = failed_turns(asked.messages, there), len(there)
    gone = sum(tokens(asked.messages, turn) for turn in failed[:cut])
    failures = float(max(len(failed) - cut, 0))
    scores = {
        "turn": float(took),
        "context_tokens": max(asked.prompt_tokens - gone, 1.0),
        "failures": failures,
        "successes": float(took - len(failed)),
        "cut": float(min(cut, len(failed))),
    }
    return Reading(failures, scores=scores)
