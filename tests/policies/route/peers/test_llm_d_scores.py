"""llm-d's weighted scores, case by case: 100,000 tokens of KV a replica."""

import pytest

from policies.policy import ROUTES, routing
from tests.policies.replicas import ask
from tests.policies.route.peers.cases import One, may_choose

LLM_D = ("llm_d_precise", "llm_d_approximate", "llm_d_load")


@pytest.mark.parametrize(
    ("kv", "queue", "chosen"), [(1.0, 1.0, "queueless"), (2.0, 1.0, "empty"), (0.0, 1.0, "queueless")]
)
def test_the_weighted_sum_of_queue_and_free_kv_decides(kv: float, queue: float, chosen: str) -> None:
    policy = routing("llm_d_load", {"kv": kv, "queue": queue})  # 0.1 kv + queue against kv
    assert may_choose(policy, ask(), queueless=One(kv=90_000), empty=One(waiting=10)) == {chosen}


def test_a_queue_counts_by_its_place_between_the_shortest_and_the_longest() -> None:
    seen = {"short": One(kv=60_000), "middle": One(waiting=2, kv=20_000), "long": One(waiting=10)}
    assert may_choose(routing("llm_d_load"), ask(), **seen) == {"middle"}  # 1.4, 0.8 + 0.8, 1.0


def test_equal_queues_leave_the_choice_to_the_kv() -> None:
    seen = {"a": One(waiting=7, kv=30_000), "b": One(waiting=7, kv=20_000)}
    assert may_choose(routing("llm_d_load"), ask(), **seen) == {"b"}


def test_running_requests_do_not_count_but_by_their_kv() -> None:
    assert may_choose(routing("llm_d_load"), ask(), busy=One(running=50), idle=One()) == {"busy", "idle"}


@pytest.mark.parametrize("policy", LLM_D)
def test_equal_scores_are_drawn_from_by_hash(policy: str) -> None:
    assert may_choose(routing(policy), ask(), a=One(), b=One(), c=One()) == {"a", "b", "c"}


@pytest.mark.parametrize(("kv", "chosen"), [(40_000, "holder"), (60_000, "idle")])
def test_a_whole_prefix_is_worth_three_and_an_idle_replica_four(kv: float, chosen: str) -> None:
    seen = {"holder": One(waiting=5, kv=kv, held=(1000,)), "idle": One()}  # 3 + 2 x free against 2 + 2
    assert may_choose(routing("llm_d_precise"), ask(), **seen) == {chosen}


@pytest.mark.parametrize(("kv", "chosen"), [(75_000, "host"), (85_000, "idle")])
def test_a_block_in_host_memory_counts_four_fifths(kv: float, chosen: str) -> None:
    policy = routing("llm_d_precise", {"prefix": 2.0})  # 1.6 + 2 x free against 2, queues equal
    assert may_choose(policy, ask(), host=One(kv=kv, held=(0, 1000)), idle=One()) == {chosen}


def test_the_shorter_of_two_prefixes_is_worth_something() -> None:
    seen = {"long": One(kv=70_000, held=(600,)), "short": One(held=(400,)), "none": One()}
    assert may_choose(routing("llm_d_precise"), ask(), **seen) == {"short"}  # 2.4, 3.2 and 2.0, beside equal queues


def test_the_approximate_match_weighs_one_and_looks_at_so_many_tokens() -> None:
    seen = {"holder": One(kv=90_000, held=(131_072,)), "idle": One()}
    assert may_choose(routing("llm_d_approximate"), ask(262_144), **seen) == {"holder"}  # 1.1 against 1.0
    assert may_choose(routing("llm_d_precise", {"kv": 6.0}), ask(262_144), **seen) == {"idle"}  # half of 3 there


def test_a_history_has_the_bounds_of_its_source_and_metrics_are_scraped() -> None:
    approximate = ROUTES["llm_d_approximate"]
    assert (approximate.history_tokens, approximate.history_match_tokens) == (2_000_000, 131_072)
    assert [ROUTES[name].reads_cache for name in LLM_D] == ["events", "history", "events"]
    assert {ROUTES[name].reads_load for name in LLM_D} == {"scraped"}
    assert not ROUTES["llm_d_load"].uses_cached
