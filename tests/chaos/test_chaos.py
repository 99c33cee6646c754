"""Real processes under load while they are killed, paused and cut off: nothing lost, nothing twice, nothing another's.

Ten minutes of it, with recovery times: `make show NAME=chaos`.
"""

import asyncio

from bench.chaos.__main__ import TARGETS, figures
from bench.chaos.trial import Plan, trial
from policies.native.library import ensure_built

KINDS = (
    "replica killed",
    "replica paused",
    "replica silent",
    "replica cut off",
    "router worker killed",
    "pool killed",
    "redis killed",
    "router stopped",
)


def test_nothing_is_lost_doubled_or_crossed_through_one_fault_of_each_sort() -> None:
    ensure_built()
    told: list[str] = []
    plan = Plan(seconds=20.0, calm_s=1.0, clients=8, replicas=3, seed=11, kinds=KINDS)
    with asyncio.Runner() as runner:
        report = runner.run(trial(plan, told.append))
    found = figures(report)
    wrong = {name: found[name] for name, most in TARGETS.items() if found[name] > most}
    assert not wrong, "\n".join([str(found), *told, report.complaints])
    assert found["whole"] == found["requests"] > 50
    assert report.struck
