"""The chain of a pool where it is a textbook queue, and laws that hold whatever the figures."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from sims.analytic.demand import Demand
from sims.analytic.load import Load
from sims.analytic.queueing import erlang_c
from sims.analytic.size import DECODE, MIXED, PREFILL, size_pool
from sims.analytic.slo import Slo
from sims.analytic.traffic import Traffic
from tests.sims.analytic.pools import A100, AZURE, even, models, plain

shares = st.floats(0.05, 0.8)
roles = st.sampled_from([MIXED, PREFILL, DECODE])
SECONDS = (
    "base_s",
    "sequence_s",
    "context_s",
    "expert_s",
    "prefill_base_s",
    "token_s",
    "attention_s",
    "host_s",
    "frontend_s",
)


def decoding(rate: float, replicas: int = 1, pooled: bool = True, **changes: float) -> Load:
    """Answers alone: nobody computes prompts, so a request holds its slot for its steps."""
    demand = Demand(traffic=even(rate), model=plain(**changes), prefills=False)
    return Load(demand=demand, replicas=replicas, pooled=pooled)


def pool(traffic: Traffic, model: LatencyModel, replicas: int, role: str = MIXED) -> Load:
    demand = Demand(traffic=traffic, model=model, prefills=role != DECODE, decodes=role != PREFILL)
    return Load(demand=demand, replicas=replicas)


def at(share: float, traffic: Traffic, model: LatencyModel, replicas: int, role: str = MIXED) -> Load:
    capacity = pool(traffic, model, replicas, role).capacity
    return pool(traffic.at(share * capacity), model, replicas, role)


@given(st.floats(0.1, 0.95), st.integers(1, 30))
def test_steps_of_one_length_make_slots_a_loss_free_erlang_system(share: float, slots: int) -> None:
    # A step takes 10 ms however many share it, so each slot is a server of 100 steps, one second.
    load = decoding(share * slots, sequence_s=0.0, max_seqs=slots)
    assert load.capacity == pytest.approx(slots)
    assert load.slot_wait.probability == pytest.approx(erlang_c(slots, share * slots), rel=1e-6)
    assert load.tpot.mean_s == pytest.approx(0.01)


@given(st.floats(0.1, 3.0), st.integers(1, 4))
def test_with_slots_to_spare_the_number_running_is_poissons(rate: float, replicas: int) -> None:
    load = decoding(rate * replicas, replicas, sequence_s=0.0, max_seqs=64)
    chances, waiting = load._chain
    mean = rate * replicas
    expected = [exp(-mean) * mean**n / factorial(n) for n in range(8)]
    assert chances[:8] == pytest.approx(expected, rel=1e-6)
    assert waiting == pytest.approx(0.0, abs=1e-9)


@given(st.floats(0.05, 0.9))
def test_steps_that_grow_with_the_batch_alone_are_a_single_shared_server(share: float) -> None:
    # With n running a step takes n · 1 ms: one server of 0.1 s a request, shared.
    load = decoding(share * 10.0, base_s=0.0, sequence_s=1e-3, max_seqs=512)
    chances, _ = load._chain
    assert chances[:10] == pytest.approx([(1.0 - share) * share**n for n in range(10)], rel=1e-3, abs=1e-9)
    assert load.busy == pytest.approx(share, rel=1e-3)


def stationary(births: Sequence[float], deaths: Sequence[float]) -> np.ndarray:
    """The stationary distribution of a birth-death chain by its balance equations."""
    count = len(births) + 1
    flows = np.zeros((count, count))
    for n, (up, down) in enumerate(zip(births, deaths, strict=True)):
        flows[n, n + 1], flows[n + 1, n] = up, down
    np.fill_diagonal(flows, -flows.sum(axis=1))
    system = np.vstack([flows.T, np.ones(count)])
    solved: np.ndarray = np.linalg.lstsq(system, np.append(np.zeros(count), 1.0), rcond=None)[0]
    return solved


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("rate", [0.5, 2.0, 6.0])
def test_the_chain_solves_its_balance_equations(rate: float, replicas: int) -> None:
    load = decoding(rate * replicas, replicas, max_seqs=12)
    chances, waiting = load._chain
    present = np.arange(1, 12 * replicas + 1) / replicas
    deaths = present * replicas / (100.0 * (0.01 + 1e-4 * np.maximum(present, 1.0)))
    slots = stationary([rate * replicas] * len(deaths), deaths.tolist())
    assert chances / (1.0 - waiting) == pytest.approx(slots, rel=1e-6, abs=1e-12)


@given(shares)
def test_a_single_replica_is_pooled_with_nobody(share: float) -> None:
    together = at(share, AZURE, A100, 1)
    alone = replace(together, pooled=False)
    assert together.ttft.mean_s == alone.ttft.mean_s
    assert together.tpot.mean_s == alone.tpot.mean_s


@settings(max_examples=30)
@given(models, shares, roles, st.integers(1, 12))
def test_each_alone_is_one_replica_with_its_share(model: LatencyModel, share: float, role: str, replicas: int) -> None:
    many = replace(at(share, AZURE, model, replicas, role), pooled=False)
    one = pool(many.demand.traffic.at(many.rate), model, 1, role)
    assert many.ttft.mean_s == pytest.approx(one.ttft.mean_s)
    assert many.tpot.mean_s == pytest.approx(one.tpot.mean_s)
    assert many.watts == pytest.approx(one.watts)


@settings(max_examples=30)
@given(models, shares, roles, st.floats(0.1, 10.0))
def test_time_has_no_scale_of_its_own(model: LatencyModel, share: float, role: str, factor: float) -> None:
    slow = replace(model, **{name: factor * getattr(model, name) for name in SECONDS})
    one, other = at(share, AZURE, model, 5, role), at(share, AZURE, slow, 5, role)
    assert other.capacity == pytest.approx(one.capacity / factor, rel=1e-6)
    assert other.ttft.mean_s == pytest.approx(factor * one.ttft.mean_s, rel=1e-4)
    assert other.tpot.mean_s == pytest.approx(factor * one.tpot.mean_s, rel=1e-4)
    assert other.batch == pytest.approx(one.batch, rel=1e-4, abs=1e-9)


@settings(max_examples=30)
@given(models, shares, roles)
def test_a_point_told_twice_at_half_its_weight_is_the_same_point(model: LatencyModel, share: float, role: str) -> None:
    one = at(share, AZURE, model, 4, role)
    traffic = one.demand.traffic
    doubled = replace(
        traffic, prompts=np.tile(traffic.prompts, 2), outputs=np.tile(traffic.outputs, 2),
        weights=np.tile(traffic.weights, 2), cached=np.tile(traffic.cached, 2),
    )  # fmt: skip
    other = pool(doubled, model, 4, role)
    assert other.capacity == pytest.approx(one.capacity)
    assert other.ttft.mean_s == pytest.approx(one.ttft.mean_s, rel=1e-3)
    assert other.tpot.mean_s == pytest.approx(one.tpot.mean_s, rel=1e-6)


@settings(max_examples=30)
@given(models, shares, st.randoms(use_true_random=False))
def test_the_order_of_requests_does_not_matter(model: LatencyModel, share: float, random: object) -> None:
    one = at(share, AZURE, model, 4)
    order = np.random.default_rng(random.getrandbits(32)).permutation(len(AZURE.prompts))  # type: ignore[attr-defined]
    traffic = one.demand.traffic
    shuffled = replace(
        traffic, prompts=traffic.prompts[order], outputs=traffic.outputs[order], weights=traffic.weights[order]
    )
    other = pool(shuffled, model, 4)
    assert other.ttft.quantile(0.9) == pytest.approx(one.ttft.quantile(0.9))
    assert other.tpot.quantile(0.9) == pytest.approx(one.tpot.quantile(0.9))


@settings(max_examples=30)
@given(models, shares, st.floats(0.1, 0.9))
def test_cached_prompts_make_everything_faster(model: LatencyModel, share: float, hit: float) -> None:
    cold = at(share, AZURE, model, 4)
    traffic = replace(cold.demand.traffic, cached=hit * cold.demand.traffic.prompts)
    warm = pool(traffic, model, 4)
    assert warm.capacity > cold.capacity
    assert warm.prefill_share < cold.prefill_share
    assert warm.ttft.mean_s < cold.ttft.mean_s
    assert warm.tpot.mean_s <= cold.tpot.mean_s


@settings(max_examples=30)
@given(shares, st.integers(1, 20))
def test_bursts_lengthen_waits_and_nothing_else(share: float, replicas: int) -> None:
    even_load = at(share, AZURE, A100, replicas)
    bursty = pool(replace(even_load.demand.traffic, arrival_cv2=9.0), A100, replicas)
    assert bursty.utilisation == pytest.approx(even_load.utilisation)
    assert bursty.prefill_wait.mean_s > even_load.prefill_wait.mean_s
    assert bursty.ttft.mean_s >= even_load.ttft.mean_s
    assert bursty.tpot.mean_s == pytest.approx(even_load.tpot.mean_s)


@settings(max_examples=30)
@given(models, shares, st.lists(st.floats(0.05, 0.995), min_size=2, max_size=6, unique=True))
def test_percentiles_rise(model: LatencyModel, share: float, at_shares: list[float]) -> None:
    load = at(share, AZURE, model, 6)
    for spread in (load.ttft, load.tpot):
        values = [spread.quantile(one) for one in sorted(at_shares)]
        assert values == sorted(values)
        assert spread.exceeds(values[0]) >= spread.exceeds(values[-1])


@settings(max_examples=30)
@given(st.integers(40_000, 400_000), st.floats(5.0, 100.0))
def test_more_memory_never_needs_more_replicas(kv_tokens: int, rate: float) -> None:
    small, large = (
        size_pool(AZURE.at(rate), replace(A100, kv_tokens=tokens), Slo(ttft_s=5.0)).replicas
        for tokens in (kv_tokens, 2 * kv_tokens)
    )
    assert large <= small


@settings(max_examples=30)
@given(st.floats(1.0, 4.0), st.floats(5.0, 200.0))
def test_a_faster_replica_never_needs_more_of_them(faster: float, rate: float) -> None:
    quick = replace(A100, **{name: getattr(A100, name) / faster for name in SECONDS})
    slo = Slo(ttft_s=2.0, tpot_s=0.1)
    assert size_pool(AZURE.at(rate), quick, slo).replicas <= size_pool(AZURE.at(rate), A100, slo).replicas


@settings(max_examples=30)
@given(models, shares, st.integers(1, 10))
def test_a_replica_is_busy_for_no_less_than_its_prompts_take(model: LatencyModel, share: float, replicas: int) -> None:
    load = at(share, AZURE, model, replicas)
    assert 0.0 < load.prefill_share <= 1.0
    assert 0.0 <= load.busy <= 1.0
    assert load.recovery <= load.capacity
    assert load.batch <= load.demand.concurrency


def test_prompts_that_alone_take_all_the_time_leave_none_for_answers() -> None:
    load = pool(even(11.0), plain(), 1)
    assert load.prefill_share > 1.0
    assert load.slot_wait.exceeds(1e9) == 1.0
    assert load.pressure in (0.0, 1.0)


def test_a_short_answer_scatters_more_than_a_long_one() -> None:
    short, long = (at(0.6, even(1.0, output=tokens), plain(), 4).tpot for tokens in (5.0, 500.0))
    assert short.quantile(0.99) / short.mean_s > long.quantile(0.99) / long.mean_s
