"""Policies that forecast, Mooncake's conductor and xLLM's: 10 ms a prompt, 10 µs a token, 5 µs to fetch one."""

import numpy as np
import pytest

from policies.fleet import TIERS
from policies.policy import routing
from policies.route.peers.mooncake_conductor import first_token_seconds, queue_seconds
from tests.policies.replicas import ask, fleet_of, replica
from tests.policies.route.peers.cases import One, may_choose


@pytest.mark.parametrize(("queued", "chosen"), [(1900.0, "holder"), (2100.0, "idle")])
def test_mooncake_weighs_a_prefix_against_a_queue_in_seconds(queued: float, chosen: str) -> None:
    seen = {"holder": One(waiting=1, queued=queued, held=(3000,)), "idle": One()}  # 10 ms + queued against 3,000
    assert may_choose(routing("mooncake_conductor"), ask(4000.0), **seen) == {chosen}


@pytest.mark.parametrize(
    ("held", "seconds"),
    [
        ((0.0, 0.0, 0.0, 0.0), 0.010 + 0.040),
        ((1000.0, 1000.0, 1000.0, 1000.0), 0.010 + 0.030),
        ((0.0, 1000.0, 1000.0, 1000.0), 0.010 + 0.030),  # host memory is as good as the GPU's
        ((1000.0, 1000.0, 1000.0, 1900.0), 0.010 + 0.030),  # less than twice as much: computed
        ((1000.0, 1000.0, 1000.0, 2000.0), 0.010 + 0.020 + 0.005),
        ((0.0, 0.0, 0.0, 4000.0), 0.010 + 0.00001 + 0.020),
    ],
)
def test_mooncake_fetches_a_prefix_that_is_long_enough_and_computes_the_rest(
    held: tuple[float, ...], seconds: float
) -> None:
    fleet = fleet_of(replica())
    assert first_token_seconds(ask(4000.0), fleet.table, np.array([held]), 2.0, 0) == pytest.approx(seconds)


def test_the_queue_is_the_prompts_ahead_computed_one_by_one() -> None:
    fleet = fleet_of(replica())
    fleet.columns.waiting[:], fleet.columns.queued_tokens[:] = 3.0, 5000.0
    fleet.columns.attention_s[:], fleet.columns.queued_attended[:] = 1e-9, 1e7
    assert queue_seconds(fleet.table, 0) == pytest.approx(0.030 + 0.050 + 0.010)


def test_mooncake_goes_to_whoever_can_fetch_rather_than_compute() -> None:
    seen = {"fetches": One(held=(0, 0, 0, 4000)), "computes": One()}
    assert may_choose(routing("mooncake_conductor"), ask(4000.0), **seen) == {"fetches"}


def test_xllm_car_divides_as_it_was_meant_to() -> None:
    a = One(held=(900,), kv=30_000, waiting=3)  # 0.9 - 0.3 - 0.3: integers would make it -0.3
    b = One(held=(0, 0, 0, 100), kv=25_000, waiting=9)  # 0 - 0.25 - 0.9: integers would make it -0.25
    longest = One(held=(0, 0, 0, 100), kv=100_000, waiting=10)
    assert may_choose(routing("xllm_car"), ask(), a=a, b=b, longest=longest) == {"a"}


def test_xllm_car_looks_only_at_those_that_hold_some_of_the_prompt() -> None:
    seen = {"idle": One(), "holder": One(held=(10,), kv=90_000, waiting=5)}
    assert may_choose(routing("xllm_car"), ask(), **seen) == {"holder"}


def test_xllm_car_takes_the_least_kv_in_use_where_nobody_holds_any() -> None:
    assert may_choose(routing("xllm_car"), ask(), a=One(kv=10), b=One(kv=5, waiting=9), c=One(kv=5)) == {"b", "c"}
    assert may_choose(routing("xllm_car"), ask(), a=One(kv=100_000), b=One(kv=100_000)) == {"a", "b"}


def test_xllm_slo_aware_takes_the_shortest_prefill_queue_that_keeps_the_target() -> None:
    seen = {"queue": One(waiting=1, queued=900), "decodes": One(running=3), "both": One(running=2)}
    assert may_choose(routing("xllm_slo_aware"), ask(), **seen) == {"decodes", "both"}  # 10 ms a step, whoever decodes


def test_xllm_slo_aware_passes_over_an_idle_queue_that_would_miss_the_target() -> None:
    fast, slow = replica("fast"), replica("slow")
    fleet = fleet_of(fast, slow)
    fleet.columns.slowdown[1], fleet.columns.waiting[0], fleet.columns.queued_tokens[0] = 6.0, 2.0, 9000.0
    kernel, policy = type(routing("xllm_slo_aware")).kernel, routing("xllm_slo_aware")
    assert kernel(ask(), fleet.table, np.zeros((2, TIERS)), policy.settings(), 0.0) == (0, 1.0)
    wider = routing("xllm_slo_aware", {"tpot_s": 0.1})
    assert kernel(ask(), fleet.table, np.zeros((2, TIERS)), wider.settings(), 0.0) == (1, 1.0)


def test_xllm_slo_aware_takes_the_least_tpot_where_none_keeps_the_target() -> None:
    fleet = fleet_of(replica("a"), replica("b"), replica("c"))
    fleet.columns.slowdown[:] = (3.0, 2.0, 4.0)
    policy = routing("xllm_slo_aware", {"tpot_s": 0.015})
    assert type(policy).kernel(ask(), fleet.table, np.zeros((3, TIERS)), policy.settings(), 0.0) == (1, 1.0)
