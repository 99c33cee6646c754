"""Fleets of several models and kinds: who may serve whom, and what is learned of each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import MODEL
from policies.policy import ROUTES, routing
from policies.request import Ask
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions, Outage
from sims.engine.run import REFUSED, SERVED, UNFINISHED
from sims.engine.simulate import simulate
from tests.sims.engine.small import arrivals
from tests.sims.engine.worlds import CHAT, REASON, drawn, replica

LEAST = routing("least_loaded")
TWO = [replica("a", model=CHAT), replica("b", model=CHAT), replica("c", model=REASON, fast=False)]


def asking(count: int, *models: str, rate: float = 20.0) -> Arrivals:
    """Requests for the models in turn."""
    rows = drawn(count, rate)
    return replace(rows, model=(np.arange(count) % len(models)).astype(np.int32), models=models)


def test_a_request_goes_to_a_replica_of_its_model() -> None:
    run = simulate(asking(200, CHAT, REASON), TWO, LEAST)
    assert (run.state == SERVED).all()
    assert set(run.replica[0::2].tolist()) == {0, 1}
    assert set(run.replica[1::2].tolist()) == {2}


def test_the_order_in_which_the_trace_names_models_does_not_matter() -> None:
    one, other = simulate(asking(100, CHAT, REASON), TWO, LEAST), asking(100, CHAT, REASON)
    swapped = replace(other, models=(REASON, CHAT), model=(1 - other.model).astype(np.int32))
    assert simulate(swapped, TWO, LEAST).end.tolist() == one.end.tolist()


def test_a_request_that_names_no_model_asks_for_the_fleets_first() -> None:
    run = simulate(drawn(50, 20.0), TWO, LEAST)
    assert set(run.replica.tolist()) <= {0, 1}
    assert run.requests[2] == 0


@pytest.mark.parametrize("name", sorted(name for name in ROUTES.names() if name != "session_affinity"))
def test_no_policy_sends_a_request_to_another_model(name: str) -> None:
    run = simulate(asking(120, CHAT, REASON), TWO, routing(name))
    served = run.state == SERVED
    assert served.any()
    assert (run.replica[0::2][served[0::2]] != 2).all()
    assert (run.replica[1::2][served[1::2]] == 2).all()


def test_when_all_of_a_model_are_down_only_its_requests_wait() -> None:
    down = Conditions(outages=(Outage(replica=2, at=0.0, until=60.0),))
    run = simulate(asking(40, CHAT, REASON), TWO, LEAST, down)
    assert (run.state == SERVED).all()
    assert (run.admitted[1::2] >= 60.0).all()
    assert (run.admitted[0::2] < 10.0).all()


def test_without_repair_only_that_models_requests_stay_unfinished() -> None:
    down = Conditions(outages=(Outage(replica=2, at=0.0),))
    run = simulate(asking(40, CHAT, REASON), TWO, LEAST, down)
    assert set(run.state[0::2].tolist()) == {SERVED}
    assert set(run.state[1::2].tolist()) == {UNFINISHED}


def test_how_long_answers_are_is_learned_for_each_model() -> None:
    expected: dict[float, list[float]] = {0.0: [], 1.0: []}

    def noting(i: int, ask: Ask, table: np.ndarray, cached: object) -> int:
        expected[ask.model].append(ask.expected_tokens)
        return int(np.flatnonzero(table[:, MODEL] == ask.model)[0])

    rows = asking(600, CHAT, REASON, rate=1.0)
    outputs = np.where(rows.model == 0, 20, 700).astype(np.int32)
    simulate(replace(rows, output_tokens=outputs), TWO, noting)
    assert expected[0.0][0] == expected[1.0][0] == 200.0
    assert expected[0.0][-1] < 50.0
    assert expected[1.0][-1] > 400.0


def test_a_request_goes_only_where_it_fits_and_is_refused_only_where_it_fits_nowhere() -> None:
    fleet = [replica("small", kv_tokens=320), replica("large", kv_tokens=4096), replica("short")]
    fleet[2] = replace(fleet[2], context_limit=500)
    run = simulate(arrivals((0.0, 1000, 10), (5.0, 1000, 10), (10.0, 300, 10), (20.0, 5000, 1)), fleet, LEAST)
    assert run.state.tolist() == [SERVED, SERVED, SERVED, REFUSED]
    assert run.replica[:2].tolist() == [1, 1]


def test_a_context_limit_is_its_models_own() -> None:
    fleet = [
        replace(replica("a", model=CHAT), context_limit=1000),
        replace(replica("b", model=REASON), context_limit=9000),
    ]
    rows = arrivals((0.0, 2000, 5), (0.0, 2000, 5), models=(CHAT, REASON), model=np.array([0, 1], np.int32))
    assert simulate(rows, fleet, LEAST).state.tolist() == [REFUSED, SERVED]


def test_models_share_no_cache_even_on_equal_blocks() -> None:
    blocks, ends = np.array([0, 1, 2, 0, 1, 2], np.int32), np.array([0, 3, 6])
    rows = Arrivals.drawn(
        np.array([0.0, 20.0]), np.full(2, 49), np.full(2, 4), model=np.array([0, 1], np.int32), models=(CHAT, REASON),
        blocks=blocks, ends=ends, block_tokens=16,
    )  # fmt: skip
    assert simulate(rows, TWO, routing("shortest_ttft")).cached.tolist() == [0, 0]


def test_kinds_of_one_model_keep_their_own_speed() -> None:
    fleet = [replica("fast"), replica("slow", fast=False)]
    rows = arrivals(*[(20.0 * i, 1000, 50) for i in range(4)])
    run = simulate(rows, fleet, lambda i, ask, table, cached: i % 2)
    assert run.ttft_s[0] == pytest.approx(run.ttft_s[2])
    assert run.ttft_s[1] == pytest.approx(run.ttft_s[3])
    assert run.ttft_s[1] > 2.0 * run.ttft_s[0]


def test_a_policy_that_predicts_prefers_the_faster_kind_until_it_is_full() -> None:
    fleet = [replica("slow", fast=False), replica("fast")]
    quiet = simulate(drawn(60, 1.0), fleet, routing("shortest_ttft"))
    assert quiet.requests[1] > quiet.requests[0]
    busy = simulate(drawn(800, 60.0), fleet, routing("shortest_ttft"))
    assert busy.requests[0] > 0


@given(st.lists(st.sampled_from([CHAT, REASON]), min_size=1, max_size=5), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_requests_add_up_replica_by_replica(models: list[str], seed: int) -> None:
    fleet = [replica(f"r{i}", model=model, fast=bool(i % 2)) for i, model in enumerate(models)]
    rows = drawn(60, 30.0, seed=seed)
    named = tuple(dict.fromkeys(models))
    rows = replace(rows, model=(np.arange(60) % len(named)).astype(np.int32), models=named)
    run = simulate(rows, fleet, LEAST, Conditions(seed=seed))
    assert run.requests.tolist() == np.bincount(run.replica, minlength=len(fleet)).tolist()
    for i, row in enumerate(run.replica.tolist()):
        assert fleet[row].model == named[i % len(named)]
