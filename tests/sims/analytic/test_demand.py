"""What requests ask of a replica, on cases worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.demand import HALF_BLOCK, Demand
from sims.analytic.slo import Infeasible
from sims.analytic.traffic import Traffic
from tests.sims.analytic.pools import A100, AZURE, EXPERTS, even, models, plain


def test_a_request_asks_for_its_prompt_its_steps_and_its_context() -> None:
    demand = Demand(traffic=even(1.0), model=plain())
    assert demand.mean_steps == 100.0
    assert demand.mean_chunks == demand.mean_parts == 1.0
    assert demand.work_moments[0] == pytest.approx(0.1)
    assert demand.work_moments[1] == pytest.approx(0.01)
    assert demand.context == pytest.approx(1000.0 + 50.5)


def test_cached_tokens_are_attended_to_but_not_computed() -> None:
    model = plain(attention_s=1e-9)
    whole = Demand(traffic=even(1.0), model=model)
    cached = Demand(traffic=replace(even(1.0), cached=np.array([600.0])), model=model)
    assert whole.work_moments[0] == pytest.approx(0.1 + 1e-9 * 1000.0 * 500.0)
    assert cached.work_moments[0] == pytest.approx(0.04 + 1e-9 * 400.0 * 800.0)


def test_the_context_is_that_of_requests_at_a_typical_time_not_of_a_typical_request() -> None:
    traffic = Traffic(rate=1.0, prompts=np.array([100.0, 100.0]), outputs=np.array([2.0, 200.0]))
    demand = Demand(traffic=traffic, model=A100)
    steps = np.array([1.0, 199.0])
    assert demand.context == pytest.approx(float(np.dot(steps, [101.0, 200.0]) / steps.sum()))


def test_a_prefill_replica_makes_no_answers_and_a_decode_replica_computes_no_prompts() -> None:
    prefill = Demand(traffic=AZURE, model=A100, decodes=False)
    decode = Demand(traffic=AZURE, model=A100, prefills=False)
    assert prefill.mean_steps == 0.0
    assert prefill.chunk_extra(3.0) == pytest.approx(A100.slowdown * A100.prefill_base_s)
    assert not prefill.step(np.array([1.0, 9.0])).any()
    assert decode.work_moments == (0.0, 0.0)
    assert decode.chunk_extra(3.0) == 0.0


@given(models)
def test_the_step_curve_is_the_models_own(model: object) -> None:
    demand = Demand(traffic=AZURE, model=model)  # type: ignore[arg-type]
    batches = np.array([1.0, 2.0, 3.5, 7.0, 20.0])
    own = [demand.model.decode_seconds(b, b * demand.context) for b in batches.tolist()]
    assert demand.step(batches) == pytest.approx(own, rel=5e-3)


def test_memory_bounds_what_runs_at_once_before_the_engine_does() -> None:
    model = plain(kv_tokens=50_000)
    demand = Demand(traffic=even(1.0), model=model)
    spread = demand.context_deviation
    n = demand.concurrency
    assert n * (demand.context + HALF_BLOCK) + spread * n**0.5 <= 50_000
    assert (n + 1) * (demand.context + HALF_BLOCK) + spread * (n + 1) ** 0.5 > 50_000
    assert Demand(traffic=even(1.0), model=plain()).concurrency == 64


@given(st.integers(20_000, 10_000_000), st.integers(1, 512))
def test_more_memory_never_runs_fewer(kv_tokens: int, seqs: int) -> None:
    few = Demand(traffic=AZURE, model=plain(kv_tokens=kv_tokens, max_seqs=seqs)).concurrency
    many = Demand(traffic=AZURE, model=plain(kv_tokens=2 * kv_tokens, max_seqs=seqs)).concurrency
    assert 1 <= few <= many <= seqs


def test_a_request_that_fits_no_replica_is_refused_with_both_sizes() -> None:
    with pytest.raises(Infeasible, match=r"a request of 1,101 tokens does not fit: a replica holds 1,000") as caught:
        Demand(traffic=even(1.0), model=plain(kv_tokens=1000)).concurrency  # noqa: B018
    assert (caught.value.limit, caught.value.wanted, caught.value.best) == ("kv", 1101.0, 1000.0)


def test_experts_that_a_chunk_touches_are_billed_to_it() -> None:
    demand = Demand(traffic=AZURE, model=EXPERTS)
    alone, beside = demand.chunk_extra(0.0), demand.chunk_extra(8.0)
    assert alone == pytest.approx(EXPERTS.slowdown * EXPERTS.prefill_base_s)
    assert 0.0 < beside < alone
