"""Model choices in decision records: what was known, what could be chosen, what was, and what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cli.decisions import BadRecord, records
from policies.evaluate.logged import Logged
from policies.evaluate.target import odds
from policies.select.beliefs import key
from policies.select.port import Context, Feedback, Option, Selector
from policies.signals.reading import Reading


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
    found = [_selection(path, n, record) for n, record in enumerate(records(path), 1) if "selection" in record]
    if not found:
        raise BadRecord(f"{path} holds no model choices: requests for the model auto write them, with a selection each")
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


def _selection(path: Path, number: int, record: dict[str, Any]) -> Selection:
    told, outcome = record["selection"], record["outcome"]
    try:
        options = tuple(Option(**each) for each in told["options"])
        chosen = int(told["chosen"])
        if not 0 <= chosen < len(options):
            raise ValueError(f"option {chosen} of {len(options)} was chosen")
        return Selection(
            _context(record, told), options, chosen, float(told["propensity"]),
            _number(outcome.get("quality")), float(outcome.get("cost_usd", 0.0)), float(record.get("at", 0.0)),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{path}:{number}: its selection cannot be read: {error}") from None


def _context(record: dict[str, Any], told: dict[str, Any]) -> Context:
    readings = {
        name: Reading(float(each["value"]), str(each.get("label", "")), each.get("scores", {}))
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
