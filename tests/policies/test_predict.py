"""The formula of predicted seconds, case by case: 10 ms a step, 10 µs a token, 1,000 tokens a step."""

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from policies.cached import Cached
from policies.candidates import candidates
from policies.fleet import (
    CONTEXT_TOKENS,
    KV_TOKENS,
    KV_USED,
    MAX_SEQS,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    RUNNING,
    TIERS,
    WAITING,
    Fleet,
)
from policies.perf.profiles import latency_model
from policies.predict import cost_usd, eligible, saved_by_tiers, tpot_seconds, ttft_seconds
from tests.laws.fleets import COLUMN, Snapshot, loads, snapshots
from tests.policies.replicas import ROUND, ask, fleet_of, replica

HALF_A_STEP_S = 0.005  # of a batch of any size, unless a test says that sequences or context cost something


def near(seconds: float) -> Any:
    """To within rounding."""
    return pytest.approx(seconds, rel=0.002)


def held(fleet: Fleet, *tokens: float) -> Cached:
    """Tokens held in each tier by the first replica."""
    cached = np.zeros((len(fleet), TIERS))
    cached[0, : len(tokens)] = tokens
    np.maximum.accumulate(cached, axis=1, out=cached)
    return cached


def ttft(fleet: Fleet, prompt: float = 1000.0, *tokens: float, expected: float = 100.0) -> float:
    return ttft_seconds(ask(prompt, expected=expected), fleet.table, held(fleet, *tokens), 0)


@pytest.mark.parametrize("prompt", [1, 999, 1000, 1001, 5000])
def test_an_idle_replica_takes_the_seconds_of_the_prefill(prompt: int) -> None:
    assert ttft(fleet_of(replica()), prompt) == near(ROUND.prefill_seconds(prompt))


@pytest.mark.parametrize(
    "named", [("l4", "qwen3-8b", 1), ("h100-sxm", "llama-3.1-70b", 8), ("a100-80", "llama-3.1-8b", 1)]
)
def test_an_idle_replica_of_a_real_profile_takes_frontend_and_prefill(named: tuple[str, str, int]) -> None:
    perf = latency_model(*named)
    alone = ttft(fleet_of(replica(perf=perf)), 2000.0)
    assert alone == pytest.approx(perf.frontend_s + perf.prefill_seconds(2000.0), rel=0.02)


def test_a_cached_prefix_shortens_the_wait_by_its_tokens() -> None:
    fleet = fleet_of(replica())
    assert ttft(fleet, 1000, 600.0, 600.0, 600.0) == near(0.010 + 400 * 1e-5)


def test_a_wholly_cached_prompt_still_computes_its_last_token() -> None:
    assert ttft(fleet_of(replica()), 1000, 1000.0, 1000.0, 1000.0) == near(0.010 + 1e-5)


def test_cached_tokens_are_still_attended_to() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, attention_s=1e-7)))
    assert ttft(fleet, 1000, 600.0, 600.0, 600.0) == near(0.010 + 400 * 1e-5 + 1e-7 * 400 * (600 + 200))


def test_prompts_ahead_attend_to_as_much_as_was_noted_of_them() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, attention_s=1e-7)))
    fleet.table[0, WAITING], fleet.table[0, QUEUED_TOKENS], fleet.table[0, QUEUED_ATTENDED] = 1.0, 600.0, 180_000.0
    assert ttft(fleet, 400) == near(0.010 + 1000 * 1e-5 + 1e-7 * (180_000 + 400 * 200))


def test_prompts_ahead_are_computed_first() -> None:
    fleet = fleet_of(replica())
    fleet.table[0, WAITING], fleet.table[0, QUEUED_TOKENS] = 2.0, 3000.0
    assert ttft(fleet, 1000) == near(4 * 0.010 + 4000 * 1e-5)


def test_running_requests_take_room_in_each_chunk() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, max_seqs=500)))
    fleet.table[0, RUNNING] = 200.0
    assert ttft(fleet, 1600) == near(HALF_A_STEP_S + 2 * 0.010 + 1600 * 1e-5)
    assert ttft(fleet, 1601) == near(HALF_A_STEP_S + 3 * 0.010 + 1601 * 1e-5)


def test_running_requests_slow_each_step() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, sequence_s=0.001, context_s=1e-6)))
    fleet.table[0, RUNNING], fleet.table[0, CONTEXT_TOKENS] = 2.0, 5000.0
    step_s = 0.010 + 2 * 0.001 + 0.005
    assert ttft(fleet, 100) == near(0.5 * step_s + step_s + 100 * 1e-5)


def test_the_step_in_flight_has_to_end_first_and_is_half_over_on_average() -> None:
    fleet = fleet_of(replica())
    idle = ttft(fleet, 100)
    fleet.table[0, RUNNING] = 1.0
    assert ttft(fleet, 100) - idle == near(HALF_A_STEP_S)


def test_a_full_cache_makes_it_wait_until_running_requests_have_freed_enough() -> None:
    fleet = fleet_of(replica())
    fleet.table[0, RUNNING], fleet.table[0, CONTEXT_TOKENS], fleet.table[0, KV_USED] = 2.0, 100_000.0, 100_000.0
    # 500 tokens of the 100,000 that a hundred steps of 10 ms, the time of one answer, turn over.
    assert ttft(fleet, 500) - ttft(fleet_of(replica()), 500) == near(HALF_A_STEP_S + 0.005 * 100 * 0.010)


def test_a_replica_out_of_slots_makes_it_wait_for_one() -> None:
    fleet = fleet_of(replica())
    fleet.table[0, RUNNING] = fleet.table[0, MAX_SEQS]
    assert ttft(fleet, 100) - ttft(fleet_of(replica()), 100) == near(HALF_A_STEP_S + 0.25 * 100 * 0.010)


def test_no_wait_while_slots_and_tokens_are_free() -> None:
    fleet = fleet_of(replica())
    fleet.table[0, RUNNING], fleet.table[0, KV_USED] = 3.0, fleet.table[0, KV_TOKENS] - 1000.0
    assert ttft(fleet, 1000) == near(HALF_A_STEP_S + 2 * 0.010 + 1000 * 1e-5)


def test_tokens_in_host_memory_are_fetched_since_that_is_cheaper_than_computing() -> None:
    fleet = fleet_of(replica())
    assert ttft(fleet, 1000, 0.0, 500.0, 500.0) == near(0.010 + 500 * 1e-6 + 500 * 1e-5)


def test_tokens_on_a_faster_tier_are_not_fetched_from_a_slower_one() -> None:
    fleet = fleet_of(replica())
    tokens, seconds = saved_by_tiers(ask(), fleet.table, held(fleet, 300.0, 500.0, 500.0, 700.0), 0)
    assert tokens == 400.0
    assert seconds == near(200 * 1e-6 + 200 * 5e-6)


def test_a_token_on_a_local_disk_is_read_and_then_brought_from_the_host() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, disk_bytes_per_s=5e8)))
    tokens, seconds = saved_by_tiers(ask(), fleet.table, held(fleet, 0.0, 100.0, 400.0), 0)
    assert tokens == 400.0
    assert seconds == near(100 * 1e-6 + 300 * (2e-6 + 1e-6))


def test_a_tier_slower_than_computing_is_left_alone() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, transfer_bytes_per_s=5e7)))
    assert saved_by_tiers(ask(), fleet.table, held(fleet, 0.0, 0.0, 0.0, 900.0), 0) == (0.0, 0.0)
    assert ttft(fleet, 1000, 0.0, 0.0, 0.0, 900.0) == near(ttft(fleet, 1000))


def test_a_slow_middle_tier_does_not_hide_a_fast_one_behind_it() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, host_bytes_per_s=5e7)))
    tokens, _ = saved_by_tiers(ask(), fleet.table, held(fleet, 0.0, 500.0, 500.0, 800.0), 0)
    assert tokens == 800.0


def test_tokens_per_second_fall_with_the_batch_and_the_queue_joins_it() -> None:
    fleet = fleet_of(replica(perf=replace(ROUND, sequence_s=0.001)))
    fleet.table[0, RUNNING], fleet.table[0, WAITING] = 1.0, 1.0
    assert tpot_seconds(ask(), fleet.table, 0) == near(0.010 + 3 * 0.001)
    fleet.table[0, WAITING] = 50.0
    assert tpot_seconds(ask(), fleet.table, 0) == near(0.010 + 4 * 0.001)


def test_a_request_alone_pays_for_all_of_the_replica() -> None:
    fleet = fleet_of(replica())
    assert cost_usd(ask(1000, expected=100), fleet.table, held(fleet), 0) == near(0.010 + 0.01 + 100 * 0.010)


def test_a_request_in_a_batch_pays_its_share() -> None:
    fleet = fleet_of(replica())
    fleet.table[0, RUNNING] = 3.0
    shared = cost_usd(ask(1000, expected=100), fleet.table, held(fleet), 0)
    assert shared == near(0.010 + 0.01 + 100 * 0.010 / 4)


def test_a_prefill_replica_is_eligible_while_somebody_of_its_model_is_ready_to_decode() -> None:
    fleet = fleet_of(replica("p", role="prefill"), replica("d", role="decode"), replica("e", role="encode"))
    assert [eligible(ask(), fleet.table, i) for i in range(3)] == [True, False, False]
    fleet.columns.ready[1] = 0.0
    assert not eligible(ask(), fleet.table, 0)
    other = fleet_of(replica("p", role="prefill"), replica("d", role="decode", model="other"))
    assert not eligible(ask(), other.table, 0)


def test_eligible_means_ready_and_of_the_model_and_for_both_phases() -> None:
    fleet = fleet_of(replica("a"), replica("b", model="other"), replica("c", role="decode"), replica("d"))
    fleet.columns.ready[3] = 0.0
    assert [eligible(ask(), fleet.table, i) for i in range(4)] == [True, False, False, False]


def test_candidates_are_the_eligible_replicas_in_row_order() -> None:
    fleet = fleet_of(replica("a"), replica("b", model="other"), replica("c"))
    told = candidates(ask(), fleet.table, held(fleet, 250.0, 250.0, 250.0))
    assert [(one.row, one.cached_tokens) for one in told] == [(0, 250.0), (2, 0.0)]
    assert told[0].ttft_s < told[1].ttft_s


@settings(max_examples=300)
@given(seen=snapshots(least=1, most=1), load=loads())
def test_more_load_never_shortens_a_prediction(seen: Snapshot, load: dict[str, float]) -> None:
    busier = seen.changed(0, **load)
    assert set(load) == set(COLUMN)
    before = ttft_seconds(seen.ask, seen.table, seen.cached, 0)
    after = ttft_seconds(seen.ask, busier.table, seen.cached, 0)
    assert after >= before * (1.0 - 1e-12)
    assert tpot_seconds(seen.ask, busier.table, 0) >= tpot_seconds(seen.ask, seen.table, 0) * (1.0 - 1e-12)


@settings(max_examples=200)
@given(seen=snapshots(least=1, most=1))
def test_predictions_are_finite_and_positive(seen: Snapshot) -> None:
    seconds = (ttft_seconds(seen.ask, seen.table, seen.cached, 0), tpot_seconds(seen.ask, seen.table, 0),
               cost_usd(seen.ask, seen.table, seen.cached, 0))  # fmt: skip
    assert all(0.0 < one < inf for one in seconds)
