"""Model choices in decision records: what was known, what could be chosen, what was, and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cli.decisions import BadRecord, ratings, records
from policies.evaluate.logged import Logged
from policies.evaluate.target import odds
from policies.select.beliefs import key
from policies.select.port import Context, Feedback, Option, Selector
from policies.signals.reading import Reading

FAILED = 500
"""Statuses from here on are of requests that their model's replicas should have answered, and did not."""


class Selection(NamedTuple):
    """One record's model choice."""

    context: Context
    options: tuple[Option, ...]
    chosen: int
    propensity: float
    quality: float  # NaN where nobody judged
    usd: float  # billed
    at_s: float

    def feedback(self) -> Feedback:
        """What a learner is told of it."""
        took = self.options[self.chosen]
        return Feedback(self.context, took.model, took.pool, self.propensity, self.quality, self.usd, self.at_s)

    def reward(self, value_usd: float) -> float:
        """Dollars earned: quality's worth less the bill."""
        return value_usd * self.quality - self.usd


def selections(path: Path) -> list[Selection]:
    """Every judged or unjudged model choice of a file, oldest first; raises `BadRecord` when there is none."""
    chosen = [record for record in records(path) if "options" in record.get("choice", ())]
    judged = ratings(path)
    last = {str(record["choice"].get("decision", record["id"])): record for record in chosen}  # of several attempts
    found = [_selection(path, record, judged) for record in last.values()]
    if not found:
        raise BadRecord(
            f"{path} holds no model choices among options: "
            "requests for the model auto write them where the rules have a section `learn`"
        )
    return sorted(found, key=lambda one: one.at_s)


def logged(found: Sequence[Selection], policy: Selector, value_usd: float) -> Logged:
    """Choices as arrays, a column for every model in a pool that was ever an option."""
    columns = {name: at for at, name in enumerate(dict.fromkeys(_names(found)))}
    width = max(len(one.context.features) for one in found)
    target, features = np.zeros((len(found), len(columns))), np.zeros((len(found), width))
    for row, one in enumerate(found):
        places = [columns[key(option.model, option.pool)] for option in one.options]
        target[row, places] = odds(policy, one.context, one.options)
        features[row, : len(one.context.features)] = one.context.features
    return Logged(
        features=features,
        action=np.array([columns[key(one.options[one.chosen].model, one.options[one.chosen].pool)] for one in found]),
        reward=np.array([one.reward(value_usd) for one in found]),
        propensity=np.array([one.propensity for one in found]),
        target=target,
    )


def _names(found: Sequence[Selection]) -> list[str]:
    return [key(option.model, option.pool) for one in found for option in one.options]


def _selection(path: Path, record: dict[str, Any], judged: Mapping[str, float]) -> Selection:
    told, outcome = record["choice"], record["outcome"]
    try:
        options = tuple(Option(**each) for each in told["options"])
        chosen = int(told["chosen"])
        if not 0 <= chosen < len(options):
            raise ValueError(f"option {chosen} of {len(options)} was chosen")
        quality = outcome.get("quality", judged.get(str(told.get("decision", "")), failed(outcome)))
        return Selection(
            as_context(record, told), options, chosen, float(told["propensity"]),
            _number(quality), billed(record), float(record.get("at", 0.0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{path}: the choice of request {record['id']!r} cannot be read: {error}") from None


def billed(record: Mapping[str, Any]) -> float:
    """Dollars of a request: at its model's prices where a learner knew them, else its replica's time."""
    return float(record["choice"].get("billed_usd", record["outcome"].get("cost_usd", 0.0)))


def failed(outcome: Mapping[str, Any]) -> float | None:
    """The quality of an answer that no replica gave; None where there was one, or the client went away."""
    return 0.0 if not outcome.get("ok", True) and outcome.get("status", 0) >= FAILED else None


def as_context(record: Mapping[str, Any], told: Mapping[str, Any]) -> Context:
    """What was known of a request when its model was chosen."""
    readings = {
        name: Reading(_number(each.get("value")), str(each.get("label", "")), each.get("scores", {}))
        for name, each in told.get("readings", {}).items()
    }
    asked = record["request"]
    return Context(
        str(record["id"]),
        np.array(told.get("features", []), dtype=np.float64),
        readings,
        str(asked.get("tenant", "")),
        str(asked.get("session", "")),
        str(told.get("last_model", "")),
    )


def _number(told: object) -> float:
    return float(told) if isinstance(told, int | float) else float("nan")
