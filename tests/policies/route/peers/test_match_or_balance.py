"""Policies that match first and balance when they must: SGLang, AIBrix and production-stack."""

import pytest

from policies.policy import ROUTES, routing
from tests.policies.replicas import ask
from tests.policies.route.peers.cases import One, may_choose


@pytest.mark.parametrize(("held", "chosen"), [(301.0, "holder"), (300.0, "idle")])
def test_sglang_follows_a_match_of_more_than_three_tenths(held: float, chosen: str) -> None:
    seen = {"holder": One(running=30, held=(held,)), "idle": One()}
    assert may_choose(routing("sglang_cache_aware"), ask(), **seen) == {chosen}


@pytest.mark.parametrize(("busy", "idle", "chosen"), [(64, 0, "holder"), (65, 0, "idle"), (200, 134, "holder")])
def test_sglang_goes_by_load_only_far_out_of_balance(busy: float, idle: float, chosen: str) -> None:
    seen = {"holder": One(running=busy - 1, waiting=1, held=(1000,)), "idle": One(running=idle)}
    assert may_choose(routing("sglang_cache_aware"), ask(), **seen) == {chosen}


def test_sglang_needs_both_the_difference_and_the_ratio() -> None:
    seen = {"holder": One(running=300, held=(1000,)), "idle": One(running=200)}
    assert may_choose(routing("sglang_cache_aware"), ask(), **seen) == {"holder"}
    assert may_choose(routing("sglang_cache_aware", {"relative": 1.4}), ask(), **seen) == {"idle"}


def test_sglang_takes_the_longest_match_and_draws_among_equals() -> None:
    seen = {"a": One(held=(500,)), "b": One(running=9, held=(900,)), "c": One(held=(900,))}
    assert may_choose(routing("sglang_cache_aware"), ask(), **seen) == {"b", "c"}


@pytest.mark.parametrize(("busy", "chosen"), [(8, "holder"), (9, "idle")])
def test_aibrix_goes_by_load_when_more_than_eight_apart(busy: float, chosen: str) -> None:
    policy = routing("aibrix_prefix_cache", {"deviations": 5.0})
    assert may_choose(policy, ask(), holder=One(running=busy, held=(1000,)), idle=One()) == {chosen}


@pytest.mark.parametrize(("deviations", "chosen"), [(1.5, "second"), (2.0, "best")])
def test_aibrix_passes_over_a_match_whose_load_stands_out(deviations: float, chosen: str) -> None:
    policy = routing("aibrix_prefix_cache", {"deviations": deviations})  # mean 2, sigma sqrt(9.6) = 3.1
    seen = {
        "best": One(running=8, held=(1000,)),
        "second": One(running=1, held=(400,)),
        "c": One(),
        "d": One(running=1),
        "e": One(),
    }
    assert may_choose(policy, ask(), **seen) == {chosen}


def test_aibrix_compares_whole_percents_then_load_then_draws() -> None:
    seen = {
        "a": One(running=2, held=(506,)),
        "b": One(running=1, held=(501,)),
        "c": One(running=1, held=(500,)),
        "d": One(running=2),
    }
    assert may_choose(routing("aibrix_prefix_cache"), ask(), **seen) == {"b", "c"}


def test_aibrix_without_a_match_takes_the_fewest_in_flight() -> None:
    assert may_choose(routing("aibrix_prefix_cache"), ask(), a=One(running=2), b=One(waiting=1), c=One(running=1)) == {
        "b",
        "c",
    }


@pytest.mark.parametrize(("held", "chosen"), [(3072.0, "holder"), (3071.0, "idle")])
def test_production_stack_lets_two_thousand_tokens_be_missing_in_chunks_of_256(held: float, chosen: str) -> None:
    seen = {"holder": One(running=4, held=(held,)), "idle": One()}
    assert may_choose(routing("production_stack_kvaware"), ask(5072.0), **seen) == {chosen}


@pytest.mark.parametrize(("held", "chosen"), [(256.0, "holder"), (255.0, "idle")])
def test_production_stack_takes_any_chunk_of_a_short_prompt(held: float, chosen: str) -> None:
    seen = {"holder": One(running=4, held=(0.0, held)), "idle": One()}
    assert may_choose(routing("production_stack_kvaware"), ask(1500.0), **seen) == {chosen}


def test_production_stack_takes_the_longest_match_whatever_the_load() -> None:
    seen = {"a": One(held=(512,)), "b": One(running=40, held=(1024,)), "c": One()}
    assert may_choose(routing("production_stack_kvaware"), ask(1500.0), **seen) == {"b"}


def test_production_stack_falls_back_to_the_session_and_then_to_the_load() -> None:
    seen = {"a": One(running=3), "b": One(), "c": One()}
    assert len(may_choose(routing("production_stack_kvaware"), ask(9000.0, session=77.0), **seen)) == 1
    assert may_choose(routing("production_stack_kvaware"), ask(9000.0), **seen) == {"b", "c"}


def test_histories_and_counts_are_the_sources_own() -> None:
    read = {name: (ROUTES[name].reads_load, ROUTES[name].reads_cache) for name in ROUTES.names()}
    assert read["sglang_cache_aware"] == read["aibrix_prefix_cache"] == ("own", "history")
    assert read["production_stack_kvaware"] == ("own", "events")
    assert ROUTES["sglang_cache_aware"].history_tokens == 16_777_216
    assert ROUTES["aibrix_prefix_cache"].history_tokens == 6_400_000
