"""Sessions in decision records: what each turn was answered by, what it cost, and what the whole came to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cli.decisions import BadRecord, ratings, records
from cli.selections import Selection, as_context, billed, failed
from policies.evaluate.by_session import Walk
from policies.evaluate.target import odds
from policies.select.port import Context, Option, Selector
from policies.select.session_q import STATE, state_of
from policies.select.session_values import Action, Settings, State, Step, actions, features


class Told(NamedTuple):
    """One turn of a session as its record tells it."""

    context: Context
    model: str
    intervened: bool
    usd: float
    options: tuple[Option, ...]  # empty where no learner chose
    chosen: int
    propensity: float
    at_s: float

    def state(self, models: Sequence[str], last_model: str) -> State:
        """Where the session stood before it."""
        return state_of(self.context.readings, models.index(last_model) if last_model in models else -1)


class Session(NamedTuple):
    """A whole session."""

    turns: tuple[Told, ...]
    quality: float  # what it came to, 0..1: its last verdict; NaN where there was none

    def selection(self, turn: Told) -> Selection:
        """One of its turns by itself, judged by what the whole came to."""
        return Selection(turn.context, turn.options, turn.chosen, turn.propensity, self.quality, turn.usd, turn.at_s)

    def steps(self, models: Sequence[str], worth_usd: float) -> list[Step]:
        """The session as values are learned from it; its models are places in `models`."""
        last = ["", *(one.model for one in self.turns)]
        states = [one.state(models, before) for one, before in zip(self.turns, last, strict=False)]
        told, after = actions(len(models)), [*states[1:], None]
        worth = [0.0] * (len(self.turns) - 1) + [worth_usd * self.quality]
        return [
            Step(state, told.index(Action(models.index(one.model), one.intervened)), value - one.usd, then)
            for one, state, value, then in zip(self.turns, states, worth, after, strict=True)
        ]


def sessions(path: Path, unjudged: float = float("nan")) -> tuple[list[Session], int]:
    """The judged sessions of a file, those that began first before others, and how many were left out.

    `unjudged`: what one comes to that nobody judged; NaN leaves it out. Raises `BadRecord` where the file holds none.
    """
    verdicts, found = ratings(path), _by_session(path)
    if not found:
        raise BadRecord(f"{path} holds no sessions: requests for the model auto with an x-weir-session write them")
    made = [_session(path, turns, verdicts, unjudged) for turns in found]
    judged = [one for one in made if isfinite(one.quality)]
    return judged, len(made) - len(judged)


def walk(session: Session, policy: Selector, models: Sequence[str], worth_usd: float) -> Walk:
    """A session as another policy is judged by it; raises `BadRecord` where a turn's options were not recorded."""
    if not all(one.options for one in session.turns):
        raise BadRecord(f"request {session.turns[0].context.id!r} had its model chosen by no learner: nothing tells of "
                        "other choices there")  # fmt: skip
    target = np.zeros((len(session.turns), 2 * len(models)))
    for row, one in enumerate(session.turns):
        for option, share in zip(one.options, odds(policy, one.context, one.options), strict=True):
            if option.model in models:
                target[row, models.index(option.model) + len(models) * option.intervene] += share
    steps = session.steps(models, worth_usd)
    return Walk(
        features=features([step.state for step in steps], len(models), Settings()),
        action=np.array([step.action for step in steps]),
        reward=np.array([step.reward for step in steps]),
        propensity=np.array([one.propensity for one in session.turns]),
        target=target / np.maximum(target.sum(axis=1, keepdims=True), 1e-12),
    )


def models_of(found: Sequence[Session]) -> tuple[str, ...]:
    """Every model that answered a turn, sorted."""
    return tuple(sorted({one.model for session in found for one in session.turns}))


def _by_session(path: Path) -> list[list[dict[str, Any]]]:
    """Each session's records in the order of its turns, the last attempt of each."""
    last: dict[str, dict[str, Any]] = {}
    for record in records(path):
        choice = record.get("choice") or {}
        if STATE in choice.get("readings", {}) and record["request"].get("session"):
            last[str(choice["decision"])] = record
    found = defaultdict[tuple[str, str], list[dict[str, Any]]](list)
    for record in sorted(last.values(), key=lambda one: float(one.get("at", 0.0))):
        found[str(record["request"].get("tenant", "")), str(record["request"]["session"])].append(record)
    return list(found.values())


def _session(path: Path, turns: Sequence[dict[str, Any]], verdicts: Mapping[str, float], unjudged: float) -> Session:
    """The last turn that was judged says what it came to; where that one failed it came to nothing."""
    said = [verdicts.get(str(one["choice"]["decision"]), failed(one["outcome"])) for one in turns]
    known = [each for each in said if each is not None]
    return Session(tuple(_turn(path, one) for one in turns), known[-1] if known else unjudged)


def _turn(path: Path, record: dict[str, Any]) -> Told:
    choice = record["choice"]
    try:
        options = tuple(Option(**each) for each in choice.get("options", ()))
        chosen = int(choice.get("chosen", -1)) if options else -1
        cut = options[chosen].intervene if options else False
        propensity = float(choice.get("propensity", 1.0))
        return Told(
            as_context(record, choice), str(choice["model"]), cut, _usd(record), options, chosen, propensity,
            float(record.get("at", 0.0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadRecord(f"{path}: the choice of request {record['id']!r} cannot be read: {error}") from None


def _usd(record: Mapping[str, Any]) -> float:
    """Dollars of a turn; of a cascade all its legs, of which a kept one is the record's own."""
    cascade = record["choice"].get("cascade", {})
    legs = sum(float(leg["cost_usd"]) for leg in cascade.get("legs", ()))
    return legs if cascade.get("act") == "keep" else billed(record) + legs
