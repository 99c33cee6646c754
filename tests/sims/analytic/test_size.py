"""The least replicas: enough, one fewer not enough, and a reason where no number is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.latency import LatencyModel
from sims.analytic.demand import Demand
from sims.analytic.load import Load
from sims.analytic.size import (
    DECODE,
    MIXED,
    PREFILL,
    disaggregated,
    lacking,
    one_pool,
    size_pool,
    transfer_seconds,
    two_pools,
)
from sims.analytic.slo import Infeasible, Slo
from sims.analytic.traffic import Traffic
from tests.sims.analytic.pools import A100, AZURE, EXPERTS, H100X4, L4, LMSYS, even, models, plain, rates

slos = st.builds(Slo, ttft_s=st.floats(1.5, 10.0), tpot_s=st.floats(0.06, 0.5), most_utilisation=st.floats(0.5, 0.95))
roles = st.sampled_from([MIXED, PREFILL, DECODE])


@settings(max_examples=25)
@given(models, rates, slos, roles)
def test_the_size_is_enough_and_one_fewer_is_not(model: LatencyModel, rate: float, slo: Slo, role: str) -> None:
    size = size_pool(AZURE.at(rate), model, slo, role=role)
    assert not lacking(size.load, slo, role)
    assert size.replicas == 1 or lacking(replace(size.load, replicas=size.replicas - 1), slo, role)
    assert (size.replicas == 1) == (size.bound == "") or size.bound


@settings(max_examples=25)
@given(models, rates, st.floats(1.0, 3.0), slos)
def test_more_traffic_never_needs_fewer(model: LatencyModel, rate: float, more: float, slo: Slo) -> None:
    few, many = (size_pool(AZURE.at(r), model, slo).replicas for r in (rate, rate * more))
    assert few <= many


@settings(max_examples=25)
@given(models, rates)
def test_a_tighter_deadline_never_needs_fewer(model: LatencyModel, rate: float) -> None:
    tight, loose = (size_pool(AZURE.at(rate), model, Slo(ttft_s=s, tpot_s=s / 20)).replicas for s in (1.5, 6.0))
    assert tight >= loose


def test_what_asked_for_the_last_replica_is_named() -> None:
    assert size_pool(AZURE.at(0.01), A100, Slo()).bound == ""
    assert size_pool(AZURE.at(200.0), A100, Slo()).bound == "utilisation"
    idle = Load(demand=Demand(traffic=AZURE, model=A100), replicas=10**9, pooled=False)
    tight = Slo(tpot_s=1.1 * idle.tpot.quantile(0.99))
    assert size_pool(AZURE.at(200.0), A100, tight).bound == "tpot"
    tight = Slo(ttft_s=1.03 * idle.ttft.quantile(0.99))
    assert size_pool(AZURE.at(200.0), A100, tight).bound == "ttft"
    assert size_pool(LMSYS.above(8192.0).at(20.0), A100, Slo()).bound == "memory"  # type: ignore[union-attr]


def test_nothing_to_serve_takes_one_replica() -> None:
    assert size_pool(AZURE.at(0.0), A100, Slo(ttft_s=1.0)).replicas == 1


def test_a_first_token_that_no_idle_replica_can_give_in_time_is_told_with_both_times() -> None:
    slow = Demand(traffic=even(1.0), model=plain(token_s=1e-3))
    with pytest.raises(Infeasible, match=r"TTFT p99 is 1\.01 s on idle replicas, 0\.51 s over the 0\.5 s") as caught:
        size_pool(slow.traffic, slow.model, Slo(ttft_s=0.5))
    assert (caught.value.limit, caught.value.wanted) == ("ttft", 0.5)
    assert caught.value.best == pytest.approx(1.01, abs=0.001)


def test_a_pace_that_no_idle_replica_can_keep_is_told() -> None:
    with pytest.raises(Infeasible, match="TPOT p99 is") as caught:
        size_pool(AZURE, L4, Slo(tpot_s=0.01))
    assert caught.value.limit == "tpot"


def test_an_inventory_that_is_too_small_is_told() -> None:
    with pytest.raises(Infeasible, match="10 replicas are too few") as caught:
        size_pool(AZURE.at(200.0), A100, Slo(), most_replicas=10)
    assert caught.value.limit == "replicas"
    assert caught.value.wanted > caught.value.best == 10


def test_an_inventory_that_is_just_enough_is_used() -> None:
    needed = size_pool(AZURE.at(200.0), A100, Slo(tpot_s=0.03)).replicas
    assert size_pool(AZURE.at(200.0), A100, Slo(tpot_s=0.03), most_replicas=needed).replicas == needed


def test_deadlines_of_the_other_role_do_not_matter() -> None:
    assert size_pool(AZURE, A100, Slo(tpot_s=1e-6), role=PREFILL).replicas >= 1
    assert size_pool(AZURE, A100, Slo(ttft_s=1e-6), role=DECODE).replicas >= 1


def test_a_fleet_adds_up_its_pools() -> None:
    fleet = two_pools(AZURE.at(200.0), A100, H100X4, Slo(), boundary=4096.0)
    short, long = fleet.pools
    assert (short.model, long.model) == (A100, H100X4)
    assert fleet.gpus == short.replicas + 4 * long.replicas
    assert fleet.replicas == short.replicas + long.replicas
    assert fleet.dollars_per_year == pytest.approx(
        8760 * (short.replicas * A100.price_per_hour + long.replicas * H100X4.price_per_hour)
    )
    assert fleet.tokens_per_joule == pytest.approx(AZURE.at(200.0).output_rate / fleet.watts)


def test_shares_over_a_deadline_are_those_of_all_requests() -> None:
    fleet = two_pools(AZURE.at(200.0), A100, A100, Slo(), boundary=4096.0)
    short, long = (pool.load for pool in fleet.pools)
    share = short.demand.traffic.rate / 200.0
    expected = share * short.ttft.exceeds(0.4) + (1.0 - share) * long.ttft.exceeds(0.4)
    assert fleet.ttft_exceeds(0.4) == pytest.approx(expected)
    assert 0.0 < fleet.tpot_exceeds(0.06) < 1.0


def test_a_boundary_beyond_every_request_leaves_one_pool() -> None:
    fleet = two_pools(AZURE, A100, H100X4, Slo(), boundary=1e6)
    assert [pool.model for pool in fleet.pools] == [A100]
    assert fleet.gpus == one_pool(AZURE, A100, Slo()).gpus


def test_compression_never_makes_the_long_pool_larger() -> None:
    plainly, squeezed = (
        two_pools(AZURE.at(400.0), A100, A100, Slo(), boundary=3072.0, gamma=gamma).pools[1].replicas
        for gamma in (1.0, 1.5)
    )
    assert squeezed < plainly


def test_a_long_pool_may_have_an_slo_of_its_own() -> None:
    tight, loose = Slo(ttft_s=0.5), Slo(ttft_s=3.0)
    with pytest.raises(Infeasible):
        two_pools(LMSYS, A100, A100, tight, boundary=4096.0)
    assert two_pools(LMSYS, A100, A100, tight, boundary=4096.0, long_slo=Slo(ttft_s=30.0)).gpus > 0
    assert one_pool(LMSYS, A100, loose).gpus > 0


@settings(max_examples=25)
@given(rates)
def test_prefill_apart_from_decode_shows_its_first_token_after_the_transfer(rate: float) -> None:
    fleet = disaggregated(AZURE.at(rate), A100, A100, Slo())
    prefill, decode = fleet.pools
    assert (prefill.role, decode.role) == (PREFILL, DECODE)
    moved = transfer_seconds(AZURE, A100)
    alone = Load(demand=prefill.load.demand, replicas=prefill.replicas)
    assert prefill.load.ttft.mean_s == pytest.approx(alone.ttft.mean_s + moved)
    assert prefill.output_rate == 0.0
    assert decode.output_rate == pytest.approx(AZURE.at(rate).output_rate)


def test_a_hidden_transfer_takes_no_time() -> None:
    seen, hidden = (disaggregated(AZURE, A100, A100, Slo(), overlap=o).pools[0].load.first_wait_s for o in (0.0, 1.0))
    assert seen > hidden == 0.0


def test_apart_decoding_is_not_held_up_by_prompts() -> None:
    apart = disaggregated(AZURE.at(100.0), A100, A100, Slo()).pools[1].load
    mixed = Load(demand=Demand(traffic=AZURE.at(100.0), model=A100), replicas=apart.replicas)
    assert apart.prefill_share == 0.0
    assert apart.tpot.mean_s < mixed.tpot.mean_s


def test_a_pool_whose_memory_would_thrash_is_given_room() -> None:
    long = LMSYS.above(8192.0)
    assert long is not None
    size = size_pool(long.at(20.0), A100, Slo())
    assert size.load.pressure <= 0.01
    assert size.load.utilisation < 0.85


def test_a_pool_that_recovers_by_itself_needs_no_such_room() -> None:
    size = size_pool(AZURE.at(100.0), EXPERTS, Slo())
    assert size.load.pressure > 0.01 or size.load.utilisation > 0.8
    assert AZURE.at(100.0).rate <= size.load.recovery or size.load.pressure <= 0.01


def test_one_request_at_a_time_by_hand() -> None:
    # A replica finishes 1 / (0.1 + 1.7564 / 64) = 7.84 requests a second, 85 % of that is 6.67.
    assert size_pool(even(6.6), plain(), Slo()).replicas == 1
    assert size_pool(even(6.7), plain(), Slo()).replicas == 2


@pytest.mark.parametrize(
    "bad", [{"ttft_share": 1.0}, {"most_utilisation": 1.0}, {"most_pressure": 0.0}, {"ttft_s": 0.0}, {"tpot_s": -1.0}]
)
def test_a_senseless_slo_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Slo(**bad)


def test_a_trace_of_twenty_thousand_requests_is_sized_as_its_distribution() -> None:
    rng = np.random.default_rng(5)
    drawn = rng.choice(len(AZURE.prompts), 20_000, p=AZURE.weights)
    trace = Traffic(rate=200.0, prompts=AZURE.prompts[drawn], outputs=AZURE.outputs[drawn])
    slo = Slo(ttft_s=2.0, tpot_s=0.1)
    assert size_pool(trace, A100, slo).replicas == pytest.approx(size_pool(AZURE.at(200.0), A100, slo).replicas, abs=1)
