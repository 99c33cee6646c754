"""The steady state of a pool: by hand where that is possible, and beside the engine in virtual time."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.perf.latency import LatencyModel
from policies.policy import routing
from sims.analytic.demand import Demand
from sims.analytic.load import Load
from sims.analytic.traffic import Traffic
from sims.arrival import Arrival
from sims.replay import Result, replay
from tests.sims.analytic.pools import A100, AZURE, EXPERTS, H100X4, even, models, plain

counts = st.integers(1, 40)


def load(traffic: Traffic, model: LatencyModel, replicas: int = 1, **more: bool) -> Load:
    return Load(demand=Demand(traffic=traffic, model=model), replicas=replicas, **more)


def at(share: float, traffic: Traffic, model: LatencyModel, replicas: int) -> Load:
    """A pool offered that share of its capacity."""
    return load(traffic.at(share * load(traffic, model, replicas).capacity), model, replicas)


def test_full_slots_give_the_capacity_reckoned_by_hand() -> None:
    # 64 slots: a step takes 16.4 ms, an answer 100 of them; its prompt 100 ms of work and one step of its own.
    busy = load(even(1.0), plain())
    assert busy.capacity == pytest.approx(1.0 / (0.1 + (100 * 0.0164 + 0.1 + 0.0164) / 64))


def test_prompts_stretch_the_steps_of_those_that_decode() -> None:
    one = load(even(4.0), plain())
    assert one.prefill_share == pytest.approx(0.4)
    steps_s = one.demand.step(np.array(one.batch))
    assert one.tpot.mean_s == pytest.approx(steps_s / 0.6, rel=0.05)


@settings(max_examples=30)
@given(models, st.floats(0.05, 0.8), counts)
def test_as_many_run_as_come_in_the_time_they_stay(model: LatencyModel, share: float, replicas: int) -> None:
    pool = at(share, AZURE, model, replicas)
    assert pool.batch == pytest.approx(pool.rate * pool._holding(pool.batch), rel=1e-6)


@settings(max_examples=30)
@given(models, st.floats(0.1, 1.5), counts)
def test_utilisation_is_the_share_of_capacity(model: LatencyModel, share: float, replicas: int) -> None:
    assert at(share, AZURE, model, replicas).utilisation == pytest.approx(share)


@settings(max_examples=30)
@given(models, st.floats(0.05, 0.9), st.floats(1.01, 1.1), counts)
def test_more_traffic_never_makes_anything_faster(
    model: LatencyModel, share: float, more: float, replicas: int
) -> None:
    calm, busy = at(share, AZURE, model, replicas), at(share * more, AZURE, model, replicas)
    assert busy.ttft.mean_s >= calm.ttft.mean_s - 1e-9
    assert busy.tpot.mean_s >= calm.tpot.mean_s - 1e-9
    assert busy.ttft.exceeds(0.5) >= calm.ttft.exceeds(0.5) - 1e-9
    assert busy.busy >= calm.busy - 1e-9
    assert busy.pressure >= calm.pressure - 1e-9


@settings(max_examples=30)
@given(models, st.floats(0.2, 0.9), st.integers(2, 30))
def test_replicas_that_queue_as_one_wait_less_than_each_alone(model: LatencyModel, share: float, replicas: int) -> None:
    pooled = at(share, AZURE, model, replicas)
    apart = replace(pooled, pooled=False)
    assert pooled.ttft.mean_s <= apart.ttft.mean_s + 1e-9
    assert pooled.slot_wait.probability <= apart.slot_wait.probability + 1e-9


def test_beyond_capacity_everything_is_endless() -> None:
    drowned = at(1.2, AZURE, A100, 4)
    assert drowned.ttft.quantile(0.5) == drowned.ttft.mean_s == drowned.tpot.mean_s == inf
    assert drowned.busy == 1.0
    assert drowned.pressure == 1.0


def test_an_idle_replica_answers_in_its_own_time() -> None:
    idle = load(even(1e-9), plain(frontend_s=0.02))
    assert idle.ttft.mean_s == pytest.approx(0.02 + 0.01 + 0.1)
    assert idle.tpot.mean_s == pytest.approx(0.0101)
    assert idle.busy == pytest.approx(0.0, abs=1e-6)
    assert idle.watts == pytest.approx(A100.idle_w, rel=1e-3)


def test_answers_of_one_token_have_no_time_per_token() -> None:
    one = load(even(2.0, output=1.0), plain())
    assert one.demand.mean_steps == 0.0
    assert one.tpot.mean_s == 0.0
    assert one.ttft.mean_s > 0.11


def test_what_comes_before_a_pool_is_added_to_its_first_tokens() -> None:
    pool = at(0.5, AZURE, A100, 4)
    assert replace(pool, first_wait_s=0.3).ttft.mean_s == pytest.approx(pool.ttft.mean_s + 0.3)


def test_watts_lie_between_idling_and_the_limit() -> None:
    for share in (0.01, 0.3, 0.8):
        for model in (A100, H100X4, EXPERTS):
            pool = at(share, AZURE, model, 4)
            assert model.idle_w <= pool.watts <= model.limit_w


def test_memory_is_no_worry_where_the_engines_limit_comes_first() -> None:
    assert at(0.8, even(1.0), plain(), 4).pressure == 0.0
    assert 0.0 < at(0.8, AZURE, plain(kv_tokens=100_000), 4).pressure < 1.0


def test_what_is_finished_while_thrashing_is_less_than_capacity() -> None:
    pool = at(0.5, AZURE, A100, 4)
    assert 0.0 < pool.recovery < pool.capacity


def played(pool: Load, requests: int) -> tuple[Load, Result]:
    """The same pool under drawn arrivals, reckoned from those and in virtual time."""
    traffic, rng = pool.demand.traffic, np.random.default_rng(11)
    chosen = rng.choice(len(traffic.prompts), requests, p=traffic.weights)
    times = np.cumsum(rng.exponential(1.0 / traffic.rate, requests))
    arrivals = [
        Arrival(at=float(time), prompt_tokens=round(traffic.prompts[i]), output_tokens=round(traffic.outputs[i]))
        for time, i in zip(times, chosen, strict=True)
    ]
    kind = Replica(name="r", address="", pool="p", model="m", gpu="g", perf=pool.demand.model)
    fleet = [replace(kind, name=f"r{i}") for i in range(pool.replicas)]
    reckoned = load(replace(Traffic.of(arrivals), arrival_cv2=1.0), pool.demand.model, pool.replicas)
    return reckoned, replay(arrivals, fleet, routing("shortest_ttft"))


@pytest.mark.parametrize("model", [A100, H100X4, EXPERTS], ids=["8b", "70b", "experts"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_the_engine_in_virtual_time_agrees(model: LatencyModel, share: float) -> None:
    pool, result = played(at(share, AZURE, model, 4), 3000)
    served = [one for one in result.served if one.index > 600]
    ttft = np.array([one.ttft_s for one in served])
    tpot = np.array([one.tpot_s for one in served if one.output_tokens > 1])
    assert pool.ttft.mean_s == pytest.approx(ttft.mean(), rel=0.12)
    assert pool.ttft.quantile(0.9) == pytest.approx(np.quantile(ttft, 0.9), rel=0.15)
    assert pool.tpot.mean_s == pytest.approx(tpot.mean(), rel=0.15)
    assert pool.tpot.quantile(0.9) == pytest.approx(np.quantile(tpot, 0.9), rel=0.15)


def test_the_engine_draws_the_same_power() -> None:
    pool, result = played(at(0.6, AZURE, A100, 4), 3000)
    watts = sum(use.energy_joules for use in result.replicas) / result.end_s / 4
    assert pool.watts == pytest.approx(watts, rel=0.06)
