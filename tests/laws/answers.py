"""`python -m tests.laws.answers POLICY[,POLICY ...] CASES`: what policies choose on fixed snapshots, as JSON."""

import json
import sys
from importlib import import_module

import numpy as np

from policies.policy import Routing, routing
from policies.request import Ask
from tests.laws.fleets import Snapshot, many, name
from tests.laws.routing_laws import decide

REPLICAS = 5


def policy_of(told: str) -> Routing:
    """A registered policy by name, or any other as MODULE:CLASS."""
    module, _, kind = told.partition(":")
    if not kind:
        return routing(told)
    made: Routing = getattr(import_module(module), kind)()
    return made


def answers(policy: Routing, cases: int) -> list[str]:
    """Its decisions on as many snapshots, the same in every process."""
    names = tuple(name(i) for i in range(REPLICAS))
    drawn = zip(*many(np.random.default_rng(3), cases, REPLICAS), strict=True)
    return [
        repr(decide(policy, Snapshot(Ask(*asked.tolist()), table, cached, names))) for asked, table, cached in drawn
    ]


if __name__ == "__main__":
    json.dump([answers(policy_of(told), int(sys.argv[2])) for told in sys.argv[1].split(",")], sys.stdout)
