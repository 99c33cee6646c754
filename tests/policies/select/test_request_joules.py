"""Joules of a request, as predicted before it is sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import BUSY_W, CONTEXT_TOKENS, IDLE_W, LIMIT_W, RUNNING, Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from policies.predict import tpot_seconds
from policies.select.energy import answer_joules, joules, prompt_joules
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.simulate import simulate
from tests.policies.select.spots import ASK, KINDS, fleet, spot


def test_a_replicas_watts_are_in_the_table() -> None:
    table = fleet().table
    for row, (_, model, gpu, gpus) in enumerate(KINDS):
        perf = latency_model(gpu, model, gpus)
        assert tuple(table[row, [IDLE_W, BUSY_W, LIMIT_W]]) == (perf.idle_w, perf.busy_w, perf.limit_w)


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_alone_takes_what_the_simulators_meter_counts(kind: tuple[str, str, str, int]) -> None:
    name, model, gpu, gpus = kind
    perf, row = latency_model(gpu, model, gpus), KINDS.index(kind)
    replica = Replica(name=name, address="", pool=model, model=model, gpu=gpu, perf=perf)
    sent = Arrivals.drawn(np.zeros(1), np.array([500]), np.array([100]))
    run = simulate(sent, [replica], routing("shortest_ttft", {}), Conditions())
    table = fleet().table
    expected = joules(ASK, table, spot(row, tpot_s=tpot_seconds(ASK, table, row)))
    assert expected == pytest.approx(float(run.joules.sum()), rel=0.1)


def test_a_batch_shares_what_a_step_takes() -> None:
    table = fleet().table
    alone = answer_joules(ASK, table, spot())
    table[0, RUNNING], table[0, CONTEXT_TOKENS] = 20.0, 11_000.0
    assert answer_joules(ASK, table, spot()) < 0.2 * alone


@given(st.floats(0.0, 499.0))
def test_what_is_cached_of_the_prompt_costs_no_joules(cached: float) -> None:
    table = fleet().table
    assert prompt_joules(ASK, table, spot(cached=cached)) <= prompt_joules(ASK, table, spot())


def test_the_large_model_takes_more() -> None:
    table = fleet().table
    small, large = (joules(ASK, table, spot(row, tpot_s=tpot_seconds(ASK, table, row))) for row in (0, 1))
    assert small < large
