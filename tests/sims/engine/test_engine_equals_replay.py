"""The compiled loop against the pure-Python replay: the same requests, replicas, times and counts, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import Routing, routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import REFUSED, SERVED
from sims.engine.simulate import simulate
from sims.replay import replay
from tests.sims.engine.worlds import BLOCK, CHAT, REASON, alike, drawn, fleets, lived, replayed, replica, traces

POLICIES = ("least_loaded", "two_choices", "random", "shortest_ttft", "prefix_affinity", "session_affinity")


def same(arrivals: Arrivals, fleet: list[Replica], policy: Routing, seed: int = 0, staleness_s: float = 0.05) -> None:
    run = simulate(arrivals, fleet, policy, Conditions(seed=seed, staleness_s=staleness_s, expects=False))
    result = replay(list(arrivals), fleet, policy, seed=seed, staleness_s=staleness_s)
    assert lived(run, policy.uses_cached) == replayed(result, policy.uses_cached)
    assert int((run.state == REFUSED).sum()) == result.refused
    assert run.end_s == result.end_s
    assert run.busy_s.tolist() == [use.busy_s for use in result.replicas]
    assert run.joules.tolist() == pytest.approx([use.energy_joules for use in result.replicas], rel=1e-12)
    assert run.requests.tolist() == [use.requests for use in result.replicas]


@given(traces(), fleets(), st.sampled_from(POLICIES), st.integers(0, 9), st.sampled_from([0.0, 0.05, 2.0, 1e6]))
@settings(max_examples=150, deadline=None)
def test_any_small_trace_over_any_small_fleet_is_served_as_the_replay_serves_it(
    arrivals: Arrivals, fleet: list[Replica], policy: str, seed: int, staleness_s: float
) -> None:
    same(arrivals, fleet, routing(policy), seed, staleness_s)


@given(traces(blocks=False), fleets(), st.sampled_from(POLICIES))
@settings(max_examples=50, deadline=None)
def test_a_trace_that_tells_nothing_of_blocks_is_served_as_the_replay_serves_it(
    arrivals: Arrivals, fleet: list[Replica], policy: str
) -> None:
    same(arrivals, fleet, routing(policy))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_thousand_requests_over_a_busy_fleet_are_served_as_the_replay_serves_them(policy: str) -> None:
    same(drawn(1000, rate_rps=40.0), [replica("a"), replica("b", fast=False)], routing(policy))


def test_requests_that_preempt_each_other_for_minutes_do_so_as_in_the_replay() -> None:
    fleet = alike(2, kv_tokens=2048, max_seqs=16, chunk_tokens=128)
    same(drawn(300, rate_rps=20.0), fleet, routing("shortest_ttft"))


def test_two_models_are_kept_apart_as_in_the_replay() -> None:
    rows = drawn(200, rate_rps=20.0)
    named = Arrivals.drawn(
        rows.at,
        rows.prompt_tokens,
        rows.output_tokens,
        models=(REASON, CHAT),
        model=np.arange(200, dtype=np.int32) % 3 - 1,
    )
    same(named, [replica("a"), replica("b", model=REASON), replica("c")], routing("two_choices"))


def test_more_than_sixty_four_replicas_are_known_as_in_the_replay() -> None:
    rows = drawn(400, rate_rps=200.0)
    chains = [np.arange(50 * (i % 7), 50 * (i % 7) + p // BLOCK) for i, p in enumerate(rows.prompt_tokens)]
    arrivals = Arrivals.drawn(
        rows.at, rows.prompt_tokens, rows.output_tokens, block_tokens=BLOCK,
        blocks=np.concatenate(chains).astype(np.int32), ends=np.cumsum([0, *map(len, chains)]),
    )  # fmt: skip
    same(arrivals, alike(70), routing("prefix_affinity"))
    same(arrivals, alike(70), routing("shortest_ttft"))


def test_a_prompt_that_no_replica_holds_is_refused_as_in_the_replay() -> None:
    fleet = alike(2, kv_tokens=320, max_seqs=4)
    arrivals = drawn(60, rate_rps=5.0)
    same(arrivals, fleet, routing("least_loaded"))
    states = simulate(arrivals, fleet, routing("least_loaded")).state
    assert {SERVED, REFUSED} == set(states.tolist())
