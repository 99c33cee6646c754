import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from math import isnan

import numpy as np
import pytest

from bench.llmd73 import __main__ as door
from bench.llmd73 import gateway, stages, verdict
from bench.llmd73.fit import Fitted, factors, fitted
from bench.llmd73.gateway import Answers, Gateway, History
from bench.llmd73.policies import POLICIES
from bench.llmd73.published import (
    APPROXIMATE,
    COUNTED_TOKENS,
    GROUPS,
    KV_TOKENS,
    LADDER,
    LOAD,
    PRECISE,
    PROMPTS_PER_GROUP,
    QUESTION_TOKENS,
    RANDOM,
    REPORTED,
    SYSTEM_TOKENS,
    Reported,
)
from bench.llmd73.stages import Ran, knee, tokens_per_s
from bench.llmd73.workload import BLOCK_TOKENS, fleet, perf, sent
from policies.fleet import WAITING
from sims.arrivals import Arrivals
from sims.validation.reporting import Gauges
from sims.workloads.shared_prefix import SharedPrefix


def ran(throughputs: Sequence[float], ttfts: Sequence[float] | None = None) -> Ran:
    """A run with those figures a stage."""
    each = list(ttfts) if ttfts is not None else [0.3] * len(throughputs)
    reported = Reported(tokens_per_s=list(throughputs), ttft_s=each, sent_per_s=[1.0] * len(throughputs))
    return Ran(stages=reported, refused=[0] * len(throughputs), cached=[0.5] * len(throughputs))


def reported(policy: str, factor: float = 1.0) -> Ran:
    """What was reported, its throughput times a factor."""
    return ran([factor * rate for rate in REPORTED[policy].tokens_per_s], REPORTED[policy].ttft_s)


def few(rate: float = 4.0, count: int = 40) -> Arrivals:
    """A small load of the benchmark's kind."""
    workload = SharedPrefix(
        groups=4,
        prompts_per_group=2,
        system_tokens=640,
        question_tokens=160.0,
        output_tokens=40.0,
        rate_rps=rate,
        block_tokens=BLOCK_TOKENS,
    )
    return workload.columns(0, count=count)


def play(policy: str, arrivals: Arrivals, seed: int = 0) -> tuple[Gateway, Answers]:
    """Serve a small load on the benchmark's pods."""
    door = Gateway(arrivals, fleet(1.2, 0.05), POLICIES[policy], seed)
    return door, door.run()


def test_headlines_are_means_over_stages() -> None:
    assert REPORTED[PRECISE].throughput == pytest.approx(8730.0, abs=0.1)
    assert REPORTED[APPROXIMATE].throughput == pytest.approx(6944.4, abs=0.1)
    assert REPORTED[RANDOM].throughput == pytest.approx(4428.7, abs=0.1)
    assert REPORTED[LOAD].throughput == pytest.approx(4266.4, abs=0.1)
    assert all(len(each.ttft_s) == len(each.sent_per_s) == len(LADDER) for each in REPORTED.values())


def test_the_prompts_fill_three_quarters_of_the_memory() -> None:
    resident = GROUPS * (SYSTEM_TOKENS + PROMPTS_PER_GROUP * QUESTION_TOKENS)
    assert 0.73 < resident / (8 * KV_TOKENS) < 0.78


def test_each_stage_is_sent_in_the_time_that_was_reported() -> None:
    arrivals, each = sent(LOAD, 1)
    assert len(each) == len(LADDER)
    assert np.all(np.diff(arrivals.at) >= 0.0)
    for stage, (rate, seconds), achieved in zip(each, LADDER, REPORTED[LOAD].sent_per_s, strict=True):
        times = arrivals.at[stage]
        assert len(times) == int(rate * seconds)
        assert times[-1] - times[0] == pytest.approx(len(times) / achieved)


def test_a_stage_begins_long_after_the_last() -> None:
    arrivals, each = sent(PRECISE, 0)
    gaps = [arrivals.at[after.start] - arrivals.at[before.stop - 1] for before, after in pairwise(each)]
    assert min(gaps) > 1000.0


def test_only_the_two_constants_are_fitted() -> None:
    one, other = perf(1.1, 0.2), perf(1.2, 0.1)
    assert one == replace(other, slowdown=1.1, frontend_s=0.2, sources=one.sources)
    assert one.kv_tokens == KV_TOKENS


@pytest.mark.parametrize("policy", POLICIES)
def test_every_request_is_served_under_every_policy(policy: str) -> None:
    arrivals = few()
    _, answers = play(policy, arrivals)
    assert answers.served.all()
    assert np.all(answers.at < answers.first)
    assert np.all(answers.first <= answers.end)
    assert np.all(answers.cached <= arrivals.prompt_tokens)


def test_a_run_is_the_same_again_and_another_with_another_seed() -> None:
    one, same, other = (play(RANDOM, few(), seed)[1].end for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_knowing_what_is_cached_finds_more_than_chance() -> None:
    arrivals = few(count=120)
    shares = {policy: float(np.mean(play(policy, arrivals)[1].cached)) for policy in (PRECISE, APPROXIMATE, RANDOM)}
    assert shares[PRECISE] > shares[RANDOM]
    assert shares[APPROXIMATE] > shares[RANDOM]


def test_beyond_what_the_gateway_lets_through_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MOST_IN_FLIGHT", 10)
    _, answers = play(RANDOM, few(rate=1000.0))
    assert answers.served.sum() == 10
    assert isnan(answers.end[-1])


def test_a_scrape_is_used_only_when_it_has_come() -> None:
    door, _ = play(LOAD, few(count=2))
    door.looks.extend([(1.0, [Gauges(1, 5, 16)] * 8), (1.05, [Gauges(1, 7, 16)] * 8)])
    door._read(1.06)
    assert door.fleet.table[0, WAITING] == 5.0
    door._read(1.11)
    assert door.fleet.table[0, WAITING] == 7.0


def test_requests_sent_between_two_scrapes_herd() -> None:
    arrivals = few(count=20)
    door, _ = play(LOAD, arrivals)
    door.fleet.columns.waiting[:] = 5.0
    door.fleet.columns.waiting[3] = 1.0
    assert {door._choose(i, door._blocks(i), 0.0) for i in range(20)} == {3}


def test_answers_take_room_in_the_cache_beside_prompts() -> None:
    arrivals = few(count=1)
    door, _ = play(RANDOM, arrivals)
    full = int(arrivals.prompt_tokens[0] + arrivals.output_tokens[0] - 1) // BLOCK_TOKENS
    assert max(len(engine.cache) for engine in door.engines) == full


def test_a_history_keeps_the_latest_and_looks_at_the_beginning() -> None:
    history = History(tokens=4 * 16, match_tokens=2 * 16, block_tokens=16)
    history.sent((1, 2, 3))
    assert history.leading((1, 2, 3)) == 2
    history.sent((4, 5))
    history.sent((6,))
    assert history.leading((1, 2)) == 0
    assert history.leading((4, 5)) == 2


def test_a_stages_throughput_counts_its_drain_and_leaves_out_the_refused() -> None:
    nan = float("nan")
    answers = Answers(
        at=np.array([0.0, 1.0, 2.0]),
        first=np.array([0.5, nan, 2.5]),
        end=np.array([9.0, nan, 10.0]),
        cached=np.array([0.0, nan, 0.0]),
    )
    assert tokens_per_s(answers, slice(0, 3)) == pytest.approx(2 * COUNTED_TOKENS / 10.0)


@pytest.mark.parametrize(("policy", "stage"), [(PRECISE, None), (APPROXIMATE, 7), (RANDOM, 3), (LOAD, 3)])
def test_the_reported_knees(policy: str, stage: int | None) -> None:
    assert knee(REPORTED[policy].ttft_s) == stage


def test_a_perfect_run_meets_the_claim() -> None:
    runs = {policy: [reported(policy)] for policy in REPORTED}
    found = verdict.summary(Fitted(slowdown=1.0, frontend_s=0.2, worst=0.0, ttft_error_s=0.0), runs)
    assert found["met"]
    assert found["figures"]["random_before_load"]
    assert found["figures"]["worst_throughput_error"] == 0.0


def test_a_policy_that_is_off_by_a_fifth_does_not() -> None:
    runs = {policy: [reported(policy, 1.2 if policy == LOAD else 1.0)] for policy in REPORTED}
    found = verdict.summary(Fitted(slowdown=1.0, frontend_s=0.2, worst=0.0, ttft_error_s=0.0), runs)
    assert not found["met"]
    assert found["figures"]["load_error"] == pytest.approx(0.2)


def test_policies_that_were_reported_close_may_come_in_either_order() -> None:
    runs = {policy: [reported(policy, 1.1 if policy == LOAD else 1.0)] for policy in REPORTED}
    assert verdict.ordered(runs, verdict.TIED)
    assert not verdict.ordered(runs, 0.0)


def test_the_knee_is_counted_in_stages() -> None:
    late = [*REPORTED[RANDOM].ttft_s[2:3], *REPORTED[RANDOM].ttft_s[:-1]]
    assert verdict.knee_off(RANDOM, [ran(REPORTED[RANDOM].tokens_per_s, late)]) == 1
    assert verdict.knee_off(PRECISE, [ran(REPORTED[PRECISE].tokens_per_s, REPORTED[RANDOM].ttft_s)]) is None


def test_the_table_has_four_lines_a_policy() -> None:
    assert len(verdict.table({policy: [reported(policy)] for policy in REPORTED}).splitlines()) == 1 + 4 * 4


def test_the_fit_spreads_the_error_over_stages() -> None:
    """A step model too quick at one end and too slow at the other, its throughput one over the slowdown."""
    true = REPORTED[PRECISE].tokens_per_s
    shape = np.linspace(1.32, 1.08, len(true))

    def precise(slowdown: float, frontend_s: float) -> list[Ran]:
        rates = [rate * factor / slowdown for rate, factor in zip(true, shape, strict=True)]
        return [ran(rates, [0.1 + frontend_s] * len(true))]

    found = fitted(precise)
    assert found.slowdown == pytest.approx((1.32 * 1.08) ** 0.5, rel=0.01)
    assert found.worst < 0.12
    assert found.frontend_s == pytest.approx(np.mean(REPORTED[PRECISE].ttft_s) - 0.1, abs=0.02)


def test_factors_are_the_greatest_and_the_least_over_stages() -> None:
    rates = list(REPORTED[PRECISE].tokens_per_s)
    rates[0] *= 1.3
    rates[5] *= 0.8
    assert factors([ran(rates)]) == pytest.approx((1.3, 0.8))


def test_the_claim_is_measured_from_end_to_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(door, "run", lambda policy, slowdown, frontend_s, seed: reported(policy))
    monkeypatch.setattr(door, "ProcessPoolExecutor", ThreadPoolExecutor)
    assert door.main(["--seeds", "1", "--data", "."]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (found["name"], found["met"]) == ("llmd73", True)


def test_a_run_is_summed_up_by_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = few(count=30)
    monkeypatch.setattr(stages, "sent", lambda policy, seed: (arrivals, [slice(0, 10), slice(10, 30)]))
    found = stages.run(PRECISE, 1.2, 0.05, 0)
    assert len(found.stages.tokens_per_s) == len(found.cached) == 2
    assert found.refused == [0, 0]
    assert found.cached[1] > 0.5
