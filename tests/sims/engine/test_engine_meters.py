"""What a run costs: seconds that are paid for, seconds of work, watts; and what its columns say of those not served."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import SERVED
from sims.engine.simulate import simulate
from tests.sims.engine.small import FRONT_S, arrivals, decode_s, prefill_s
from tests.sims.engine.worlds import H100, alike, drawn, fleets, replica, traces

LEAST = routing("least_loaded")


def test_a_fleet_that_is_not_scaled_is_paid_for_to_the_end() -> None:
    run = simulate(drawn(100, 10.0), alike(3), LEAST)
    assert run.up_s.tolist() == [run.end_s] * 3
    assert run.gpu_hours == pytest.approx(3.0 * run.end_s / 3600.0)
    assert run.cost_usd == pytest.approx(3.0 * run.end_s / 3600.0 * H100.price_per_hour)


def test_a_replica_of_several_gpus_counts_them_all() -> None:
    two = replica("a", gpus=2, price_per_hour=10.0)
    run = simulate(drawn(50, 10.0), [two, replica("b", price_per_hour=1.0)], LEAST)
    assert run.gpu_hours == pytest.approx(3.0 * run.end_s / 3600.0)
    assert run.cost_usd == pytest.approx(11.0 * run.end_s / 3600.0)


def test_busy_seconds_are_those_of_the_steps() -> None:
    run = simulate(arrivals((0.0, 500, 40), (60.0, 700, 20)), alike(1), LEAST)
    steps = prefill_s(500) + decode_s(500, 40) + prefill_s(700) + decode_s(700, 20)
    assert run.busy_s[0] == pytest.approx(steps)
    assert run.end_s == pytest.approx(60.0 + FRONT_S + prefill_s(700) + decode_s(700, 20))


def test_an_idle_second_draws_idle_watts() -> None:
    run = simulate(arrivals((0.0, 500, 40), (600.0, 500, 40)), alike(1), LEAST)
    near = simulate(arrivals((0.0, 500, 40), (10.0, 500, 40)), alike(1), LEAST)
    assert run.joules[0] - near.joules[0] == pytest.approx(590.0 * H100.idle_w, rel=1e-6)


@given(traces(), fleets())
@settings(max_examples=60, deadline=None)
def test_watts_lie_between_idle_and_the_limit(given_: Arrivals, fleet: list[Replica]) -> None:
    run = simulate(given_, fleet, LEAST)
    for row, one in enumerate(fleet):
        low, high = one.perf.idle_w * run.up_s[row], one.perf.limit_w * run.up_s[row]
        assert low - 1e-6 <= run.joules[row] <= high + 1e-6


def test_a_larger_batch_draws_more_watts_and_fewer_joules_a_token() -> None:
    few, many = (simulate(arrivals(*[(0.0, 200, 300)] * count), alike(1), LEAST) for count in (2, 64))
    watts = [float(run.joules.sum()) / run.end_s for run in (few, many)]
    each = [float(run.joules.sum()) / float(run.output_tokens.sum()) for run in (few, many)]
    assert watts[0] < watts[1]
    assert each[0] > 5.0 * each[1]


def test_a_failed_replica_draws_and_costs_nothing_while_it_is_down() -> None:
    rows = arrivals((0.0, 100, 5), (100.0, 100, 5))
    down = Conditions(outages=(Outage(replica=1, at=10.0, until=60.0),))
    run = simulate(rows, alike(2), lambda i, ask, table, cached: 0, down)
    assert run.up_s[0] - run.up_s[1] == pytest.approx(50.0)
    assert run.joules[1] == pytest.approx(run.up_s[1] * H100.idle_w)


def test_what_a_replica_had_done_before_it_failed_was_paid_for() -> None:
    rows = arrivals((0.0, 100, 5000), (0.1, 50, 5))
    whole = simulate(rows, alike(2), LEAST)
    row = int(whole.replica[0])
    run = simulate(rows, alike(2), LEAST, Conditions(outages=(Outage(replica=row, at=5.0),)))
    assert run.busy_s.sum() > whole.busy_s.sum() + 4.0, "what was lost is done again"
    assert 4.9 < run.busy_s[row] <= 5.0
    assert run.up_s[row] == 5.0


def test_a_run_given_up_counts_the_work_that_was_done_by_then() -> None:
    run = simulate(arrivals((0.0, 100, 100_000)), alike(1), LEAST, Conditions(give_up_s=3.0))
    assert run.end_s == 3.0
    assert run.busy_s[0] == pytest.approx(3.0 - FRONT_S, abs=0.02)
    assert run.requests[0] == 0


def test_those_not_served_are_endlessly_late() -> None:
    run = simulate(arrivals((0.0, 10, 5), (0.0, 10_000, 5)), alike(1, kv_tokens=1024), LEAST)
    assert run.ttft_s[1] == run.e2e_s[1] == run.tpot_s[1] == inf
    assert np.isfinite([run.ttft_s[0], run.e2e_s[0], run.tpot_s[0]]).all()


def test_an_answer_of_one_token_has_no_seconds_a_token() -> None:
    assert simulate(arrivals((0.0, 100, 1)), alike(1), LEAST).tpot_s[0] == 0.0


@given(traces(), fleets())
@settings(max_examples=60, deadline=None)
def test_times_of_a_request_come_in_order_and_add_up(given_: Arrivals, fleet: list[Replica]) -> None:
    run = simulate(given_, fleet, LEAST)
    for i in np.flatnonzero(run.state == SERVED):
        front = fleet[int(run.replica[i])].perf.frontend_s
        assert run.at[i] + front <= run.admitted[i] + 1e-12
        assert run.admitted[i] < run.first[i] <= run.end[i] <= run.end_s
        gaps = int(run.output_tokens[i]) - 1
        assert run.e2e_s[i] == pytest.approx(run.ttft_s[i] + gaps * run.tpot_s[i])


@given(traces(), fleets(), st.sampled_from([0.1, 0.7]))
@settings(max_examples=40, deadline=None)
def test_looking_at_a_fleet_does_not_change_it(given_: Arrivals, fleet: list[Replica], every: float) -> None:
    seen, unseen = (simulate(given_, fleet, LEAST, Conditions(sample_s=sample)) for sample in (every, 0.0))
    assert seen.end.tolist() == pytest.approx(unseen.end.tolist(), nan_ok=True)
    assert seen.replica.tolist() == unseen.replica.tolist()
    assert seen.joules.tolist() == pytest.approx(unseen.joules.tolist())


def test_samples_count_who_runs_and_who_waits() -> None:
    rows = arrivals(*[(0.0, 100, 2000)] * 5)
    run = simulate(rows, alike(1, max_seqs=3), LEAST, Conditions(sample_s=0.5))
    assert run.samples is not None
    assert (run.samples.running[1], run.samples.waiting[1]) == (3, 2)
    assert run.samples.at[:3].tolist() == [0.0, 0.5, 1.0]
    assert run.samples.ready.all()


def test_without_samples_there_are_none() -> None:
    assert simulate(arrivals((0.0, 100, 5)), alike(1), LEAST).samples is None


def test_samples_end_with_the_last_request() -> None:
    run = simulate(arrivals((0.0, 100, 50), (7.3, 100, 5)), alike(1), LEAST, Conditions(sample_s=1.0))
    assert run.samples is not None
    assert len(run.samples.at) in (8, 9)


def test_a_request_computes_only_what_was_not_cached() -> None:
    rows = drawn(40, 5.0)
    run, cold = (simulate(given_, alike(1), LEAST) for given_ in (shared(rows), rows))
    assert run.cached.sum() > 0
    assert run.busy_s[0] < cold.busy_s[0]
    assert run.joules[0] < cold.joules[0]


def shared(rows: Arrivals) -> Arrivals:
    """The same requests, all with one common beginning."""
    counts = rows.prompt_tokens // 16
    blocks = np.concatenate([np.arange(n) for n in counts]).astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return replace(rows, blocks=blocks, ends=ends, block_tokens=16)


def test_work_is_shared_out_so_that_two_replicas_end_sooner_than_one() -> None:
    rows = arrivals(*[(0.0, 1000, 200)] * 60)
    one, two = (simulate(rows, alike(count, max_seqs=8), LEAST) for count in (1, 2))
    assert two.end_s < 0.6 * one.end_s
    assert two.requests.tolist() == [30, 30]
