"""Every registered routing policy obeys the laws of DESIGN.md."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import MIXED, ROLE, RUNNING, WAITING
from policies.policy import ROUTES, Routing, routing
from policies.request import Ask
from tests.laws import routing_laws as laws
from tests.laws.fleets import Snapshot, asks, loads, many, name, snapshots

SHAPES: dict[str, dict[str, float]] = {
    "prefix_affinity": {"match": 0.0, "absolute": 1.0},
    "shortest_ttft": {"near": 0.3, "near_s": 1.0},
    "dynamo_cost": {"temperature": 0.5},
    "sglang_cache_aware": {"match": 0.0, "absolute": 5.0, "relative": 1.1},
    "production_stack_kvaware": {"slack": 60_000.0},
    "aibrix_prefix_cache": {"spread": 30.0},
    "mooncake_conductor": {"balancing": 1.0},
    "spillover": {"threshold": 60_000.0, "spill": 0.2},
    "compress_and_route": {"threshold": 30_000.0, "gamma": 2.0},
}
POLICIES = [routing(name) for name in ROUTES.names()] + [routing(name, shape) for name, shape in SHAPES.items()]
every_policy = pytest.mark.parametrize("policy", POLICIES, ids=repr)
EXEMPT = [(policy, law) for policy in ROUTES for law in policy.breaks]


def every_policy_but_those_exempt_from(law: str) -> pytest.MarkDecorator:
    """Every policy; those that declare that their formula breaks the law are skipped, with the reason they give."""
    return pytest.mark.parametrize(
        "policy",
        [
            pytest.param(one, marks=pytest.mark.skip(reason=one.breaks[law])) if law in one.breaks else one
            for one in POLICIES
        ],
        ids=repr,
    )


def load_on_each_in_turn(policy: Routing, seen: Snapshot) -> None:
    for row in range(len(seen.names)):
        for running in (1.0, 3.0, 10.0):
            laws.load_repels(policy, seen, row, {"running": running})


def on_busy_fleets_of_three(policy: Routing, law: Callable[[Routing, Snapshot], None]) -> None:
    names = tuple(name(i) for i in range(3))
    for asked, table, cached in zip(*many(np.random.default_rng(5), 3000, 3), strict=True):
        table[:, RUNNING] %= 12.0
        table[:, WAITING] = 0.0
        table[:, ROLE] = MIXED
        law(policy, Snapshot(Ask(*asked.tolist()), table, cached, names))


BREAKING = {"load_repels": load_on_each_in_turn}
"""Every law that may be declared broken, over all that may break it in one snapshot."""


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


@every_policy_but_those_exempt_from("load_repels")
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


@pytest.mark.parametrize(("policy", "law"), EXEMPT, ids=lambda told: getattr(told, "__name__", str(told)))
def test_a_law_that_a_policy_is_exempt_from_is_one_that_it_does_break(policy: type[Routing], law: str) -> None:
    assert policy.origin != "weir"
    assert len(policy.breaks[law]) > 40
    with pytest.raises(AssertionError):
        on_busy_fleets_of_three(policy(), BREAKING[law])
