"""The models that a rule names as the fleet stands: what each costs, how soon it would answer, and how busy it is."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from policies.candidates import Candidate, candidates
from policies.fleet import MAX_SEQS, READY, RUNNING, TIERS, WAITING
from policies.request import Ask
from policies.select.cascade import Depth
from policies.select.port import Option
from policies.select.rules.deciding import Place
from policies.signals.facts import Facts

if TYPE_CHECKING:
    from router.core import Core


class Seen(NamedTuple):
    """One model with its ready replicas."""

    option: Option  # of its replica of the least predicted TTFT, nothing of the prompt cached
    rows: list[int]


def seen(core: "Core", asked: Facts, places: Sequence[Place]) -> Iterator[Seen]:
    """Every model that has a ready replica in its places, in the places' order."""
    for name in dict.fromkeys(place.model for place in places):
        pools = {place.pool for place in places if place.model == name}
        ask = _ask(core, name, asked)
        found = [one for one in _candidates(core, ask) if _pool(core, one.row) in pools] if ask else []
        if ask is not None and found:
            best = min(found, key=lambda one: one.ttft_s)
            took_s = best.ttft_s + best.tpot_s * ask.expected_tokens
            option = Option(name, _pool(core, best.row), best.cost_usd, best.ttft_s, took_s)
            yield Seen(option, [one.row for one in found])


def foreseen(core: "Core", asked: Facts, places: Sequence[Place]) -> tuple[list[Option], list[Depth]]:
    """One option a model of a cascade, and its pools' depth.

    Their order is the rule's, and so is what is dearer: an option's price is its place among them.
    """
    found = list(seen(core, asked, places))
    options = [one.option._replace(usd=float(at)) for at, one in enumerate(found)]
    return options, [_depth(core, one.rows, one.option.e2e_s) for one in found]


def _ask(core: "Core", name: str, asked: Facts) -> Ask | None:
    model = core.models.get(name)
    return core.question(asked.id, model, float(asked.prompt_tokens), asked.max_tokens) if model else None


def _candidates(core: "Core", ask: Ask) -> list[Candidate]:
    return candidates(ask, core.fleet.table, np.zeros((len(core.fleet.table), TIERS)))


def _pool(core: "Core", row: int) -> str:
    replica = core.fleet.replicas[row]
    return replica.pool if replica is not None else ""


def _depth(core: "Core", rows: Sequence[int], took_s: float) -> Depth:
    """Requests beyond what fits at once, and the seconds in which one of them is through."""
    table = core.fleet.table[list(rows)]
    table = table[table[:, READY] > 0.0]
    slots = max(float(table[:, MAX_SEQS].sum()), 1.0)
    there = float(table[:, RUNNING].sum() + table[:, WAITING].sum())
    return Depth(max(there - slots, 0.0), took_s / slots)
