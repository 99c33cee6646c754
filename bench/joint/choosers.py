"""One chooser, twice: its options priced by the fleet as it stands, or by what a model costs on average."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.joint.traffic import SERVED
from policies.cached import Cached
from policies.fleet import Replica, Table
from policies.request import Ask
from policies.select.fleet_options import options_now
from policies.select.objective import Objective
from policies.select.port import Context, Option
from policies.select.quality.port import Floats
from sims.engine.deciding import Plain

LATE_USD = 0.002  # of a predicted second past what is comfortable
COMFORT = 0.5  # of the deadlines: later arrivals lengthen every step
NO_FEATURES: Floats = np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """What a blind chooser knows: dollars a token by model, prompts and answers alike."""

    usd_per_token: Sequence[float]

    def options(self, ask: Ask, answer: Sequence[float]) -> list[Option]:
        """The options at list prices, never late."""
        return [
            Option(name, name, usd * (ask.prompt_tokens + tokens))
            for name, usd, tokens in zip(SERVED, self.usd_per_token, answer, strict=True)
        ]


def numbers(fleet: Sequence[Replica]) -> dict[str, float]:
    """The fleet's number of each served model, as the simulation gives them: in the order of its replicas."""
    order = list(dict.fromkeys(replica.model for replica in fleet))
    return {name: float(order.index(name)) for name in SERVED}


def chooser(
    fleet: Sequence[Replica], expected: Floats, answer: Sequence[float], worth_usd: float, listed: List, sees: bool
) -> Plain:
    """A policy that chooses model and replica; both kinds send to the chosen model's replica of the least TTFT."""
    objective = Objective(worth_usd=worth_usd, late_usd=LATE_USD if sees else 0.0)
    models = numbers(fleet)

    def decide(index: int, ask: Ask, table: Table, cached: Cached) -> int:
        now, rows = options_now(ask, table, cached, models, answer, COMFORT)
        # Dollars are the list's for both: what a model costs is settled by the fleet that is paid for, and only
        # lateness tells a busy one from an idle one.
        priced = listed.options(ask, answer)
        options = [one._replace(over_slo_s=seen.over_slo_s) for one, seen in zip(priced, now, strict=True)]
        choice = objective.best(Context(str(index), NO_FEATURES), options, expected[index], "joint")
        return rows[choice.option]

    return decide
