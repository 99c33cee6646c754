"""Every registered routing policy obeys the laws of DESIGN.md."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.policy import ROUTES, Routing, routing
from policies.request import Ask
from tests.laws import routing_laws as laws
from tests.laws.fleets import Snapshot, asks, loads, snapshots

SHAPES: dict[str, dict[str, float]] = {
    "prefix_affinity": {"match": 0.0, "absolute": 1.0},
    "shortest_ttft": {"near": 0.3, "near_s": 1.0},
}
POLICIES = [routing(name) for name in ROUTES.names()] + [routing(name, shape) for name, shape in SHAPES.items()]
every_policy = pytest.mark.parametrize("policy", POLICIES, ids=repr)


@every_policy
@settings(max_examples=60)
@given(seen=snapshots())
def test_only_a_ready_replica_of_the_right_model_and_role_is_chosen(policy: Routing, seen: Snapshot) -> None:
    laws.only_eligible_replicas(policy, seen)


@every_policy
@settings(max_examples=60)
@given(seen=snapshots())
def test_it_sends_whenever_an_eligible_replica_is_ready(policy: Routing, seen: Snapshot) -> None:
    laws.sends_while_somebody_may_serve(policy, seen)


@every_policy
@settings(max_examples=30)
@given(seen=snapshots())
def test_deciding_twice_gives_the_same_answer_and_changes_nothing(policy: Routing, seen: Snapshot) -> None:
    laws.same_again(policy, seen)


@every_policy
@settings(max_examples=60)
@given(seen=snapshots(least=2), data=st.data())
def test_the_order_of_replicas_does_not_matter(policy: Routing, seen: Snapshot, data: st.DataObject) -> None:
    laws.order_does_not_matter(policy, seen, data.draw(st.permutations(range(len(seen.names)))))


@every_policy
@settings(max_examples=30)
@given(seen=snapshots(least=2, twins=True), data=st.data())
def test_the_order_of_twins_does_not_matter(policy: Routing, seen: Snapshot, data: st.DataObject) -> None:
    laws.order_does_not_matter(policy, seen, data.draw(st.permutations(range(len(seen.names)))))


@every_policy
@settings(max_examples=100)
@given(seen=st.one_of(snapshots(least=2, most=4), snapshots(least=2, most=3, twins=True)), load=loads())
def test_more_load_never_makes_a_replica_more_attractive(
    policy: Routing, seen: Snapshot, load: dict[str, float]
) -> None:
    for row in range(len(seen.names)):
        laws.load_repels(policy, seen, row, load)


@every_policy
@settings(max_examples=10)
@given(ask=asks())
def test_the_empty_fleet_is_refused_without_a_crash(policy: Routing, ask: Ask) -> None:
    laws.survives_the_empty_fleet(policy, ask)


@every_policy
@settings(max_examples=60)
@given(seen=snapshots())
def test_the_propensity_is_above_zero_and_at_most_one(policy: Routing, seen: Snapshot) -> None:
    laws.propensity_is_a_probability(policy, seen)


@every_policy
@pytest.mark.parametrize("twins", [True, False], ids=["twins", "strangers"])
def test_over_many_coins_each_replica_is_chosen_as_often_as_its_propensity_says(
    policy: Routing, *, twins: bool
) -> None:
    @settings(max_examples=3, derandomize=True)
    @given(seen=snapshots(least=2, most=4, twins=twins).filter(laws.eligible))
    def check(seen: Snapshot) -> None:
        laws.frequency_is_the_propensity(policy, seen, coins=700)

    check()


def test_another_process_with_another_hash_seed_decides_the_same() -> None:
    laws.another_process_agrees(",".join(ROUTES.names()), cases=150)
