"""The laws catch what they are there to catch: each planted fault breaks the law it offends."""

from collections.abc import Callable

import numpy as np
import pytest

from policies.policy import Routing
from policies.request import Ask
from tests.laws import planted
from tests.laws import routing_laws as laws
from tests.laws.fleets import Snapshot, many, name

Law = Callable[[Routing, Snapshot], None]
CASES, REPLICAS = 200, 5


def reversed_order(policy: Routing, seen: Snapshot) -> None:
    laws.order_does_not_matter(policy, seen, list(reversed(range(REPLICAS))))


def load_on_each(policy: Routing, seen: Snapshot) -> None:
    for row in range(REPLICAS):
        laws.load_repels(policy, seen, row, {"running": 500.0})


def few_coins(policy: Routing, seen: Snapshot) -> None:
    laws.frequency_is_the_propensity(policy, seen, coins=200)


FAULTS: list[tuple[type[Routing], Law]] = [
    (planted.IgnoresReadiness, laws.only_eligible_replicas),
    (planted.FirstRow, reversed_order),
    (planted.CountsCalls, laws.same_again),
    (planted.GivesUpWhenBusy, laws.sends_while_somebody_may_serve),
    (planted.SeeksLoad, load_on_each),
    (planted.ClaimsTooMuch, laws.propensity_is_a_probability),
    (planted.ClaimsCertainty, few_coins),
    (planted.WritesIntoTheFleet, laws.same_again),
]


def drawn() -> list[Snapshot]:
    names = tuple(name(i) for i in range(REPLICAS))
    rows = zip(*many(np.random.default_rng(11), CASES, REPLICAS), strict=True)
    seen = [Snapshot(Ask(*asked.tolist()), table, cached, names) for asked, table, cached in rows]
    return [one for one in seen if len(laws.eligible(one)) > 1]


def everywhere(policy: Routing, law: Law) -> None:
    for seen in drawn():
        law(policy, seen)


@pytest.mark.parametrize(("fault", "law"), FAULTS, ids=lambda told: getattr(told, "__name__", ""))
def test_a_law_catches_a_policy_that_offends_it(fault: type[Routing], law: Law) -> None:
    with pytest.raises(AssertionError):
        everywhere(fault(), law)


def test_the_empty_fleet_catches_a_policy_that_takes_somebody_for_granted() -> None:
    with pytest.raises(ValueError):
        laws.survives_the_empty_fleet(planted.CrashesOnEmpty(), drawn()[0].ask)


def test_another_process_catches_a_policy_that_uses_hash() -> None:
    with pytest.raises(AssertionError):
        laws.another_process_agrees("tests.laws.planted:UsesHash", cases=40)
