"""Dynamo's cost in blocks, case by case, and its softmax."""

from math import exp

import pytest

from policies.policy import routing
from tests.policies.replicas import ask
from tests.policies.route.peers.cases import One, decide, may_choose


@pytest.mark.parametrize(("kv", "chosen"), [(1584, "holder"), (1616, "idle")])
def test_a_block_held_weighs_as_much_as_a_block_in_use(kv: float, chosen: str) -> None:
    seen = {"holder": One(kv=kv, held=(1600,)), "idle": One()}
    assert may_choose(routing("dynamo_cost"), ask(1600), **seen) == {chosen}


@pytest.mark.parametrize(("kv", "chosen"), [(1184, "host"), (1216, "idle")])
def test_a_block_in_host_memory_is_credited_three_quarters(kv: float, chosen: str) -> None:
    seen = {"host": One(kv=kv, held=(0, 1600)), "idle": One()}
    assert may_choose(routing("dynamo_cost"), ask(1600), **seen) == {chosen}


def test_prompts_that_wait_count_as_blocks_to_prefill_and_the_scale_weighs_them() -> None:
    seen = {"queue": One(waiting=1, queued=800), "decodes": One(running=1, kv=1200)}
    assert may_choose(routing("dynamo_cost"), ask(), **seen) == {"queue"}
    assert may_choose(routing("dynamo_cost", {"scale": 2.0}), ask(), **seen) == {"decodes"}


def test_a_credit_beyond_the_work_is_no_gift() -> None:
    policy = routing("dynamo_cost", {"overlap": 3.0})
    assert may_choose(policy, ask(1600), a=One(held=(1600,)), b=One(held=(800,))) == {"a", "b"}


def test_the_size_of_a_block_changes_no_choice() -> None:
    seen = {"holder": One(kv=1590, held=(1600,)), "idle": One()}
    for block in (1.0, 16.0, 256.0):
        assert may_choose(routing("dynamo_cost", {"block_tokens": block}), ask(1600), **seen) == {"holder"}


def test_equal_costs_are_drawn_from_by_hash() -> None:
    assert may_choose(routing("dynamo_cost"), ask(), a=One(), b=One(), c=One(kv=1)) == {"a", "b"}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_with_a_temperature_the_chance_is_the_softmax_of_the_stretched_costs(temperature: float) -> None:
    policy = routing("dynamo_cost", {"temperature": temperature})
    weights = {"idle": 1.0, "middle": exp(-0.5 / temperature), "busy": exp(-1.0 / temperature)}
    found = dict(decide(policy, ask(), idle=One(), middle=One(kv=500), busy=One(kv=1000)))
    for name, propensity in found.items():
        assert propensity == pytest.approx(weights[name] / sum(weights.values()), rel=1e-9)
    assert "idle" in found


def test_with_a_temperature_equal_costs_are_equally_likely() -> None:
    assert may_choose(routing("dynamo_cost", {"temperature": 0.5}), ask(), a=One(), b=One()) == {"a", "b"}
