"""What holds of every plan, whatever the GPUs, their prices, the traffic and the limits."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.plan.asked import ENERGY, USD, Asked, Deadline, Limits, NoPlan, Objective, Offer, SloClass
from sims.plan.kinds import kinds_of
from sims.plan.outcome import Plan, as_json
from sims.plan.planner import plan
from sims.plan.programme import broken
from sims.plan.wording import PlanFile, from_parts, numbers, offers
from tests.sims.plan.plans import asked, capacity, kinds, offer, traffic

GPUS = ("h100-sxm", "a100-80", "l40s")
SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0}

prices = st.tuples(*[st.floats(0.5, 10.0)] * 3)
rates = st.floats(5.0, 300.0)


def priced(cents: tuple[float, ...], **more: Any) -> Asked:
    """The three GPUs at those prices."""
    rented = tuple(offer(gpu, price=price) for gpu, price in zip(GPUS, cents, strict=True))
    return asked(offers=rented, **more)


def planned(request: Asked, rate: float = 90.0, **more: Any) -> Plan:
    """By the arithmetic simulator, two pools and prefill apart left out."""
    return plan(request, traffic(rate=rate), simulate=capacity(SPEEDS), **{"only_mixed": True, **more})


def planned_or_told(request: Asked, rate: float) -> Plan | str:
    """The plan, or the sentence that says why there is none."""
    try:
        return planned(request, rate)
    except NoPlan as error:
        return str(error)


def able(found: Plan) -> float:
    """Requests a second that the fleet serves in time by that arithmetic."""
    return sum(part.replicas * SPEEDS[part.kind.pool.gpu] for part in found.chosen.parts)


@given(prices, rates)
@settings(max_examples=25, deadline=None)
def test_the_fleet_serves_all_in_time_and_has_no_replica_to_spare(cents: tuple[float, ...], rate: float) -> None:
    request = priced(cents)
    found = planned(request, rate)
    offered = traffic(rate=rate).analytic.rate
    assert able(found) >= 0.97 * offered, "a seed draws sessions again, so its rate is nearly the trace's"
    cheapest = min(found.chosen.parts, key=lambda part: part.kind.usd_per_hour)
    assert able(found) - SPEEDS[cheapest.kind.pool.gpu] <= 1.35 * offered


@given(prices, rates)
@settings(max_examples=25, deadline=None)
def test_no_plan_is_dearer_than_the_best_single_gpu(cents: tuple[float, ...], rate: float) -> None:
    found = planned(priced(cents), rate)
    singles = [one.usd_per_hour for one in found.designs if one.name.startswith("only") and one.meets]
    assert singles
    assert found.chosen.usd_per_hour <= min(singles) + 1e-9
    assert dict(found.ideas)["mixed"] >= -1e-9


@given(prices)
@settings(max_examples=15, deadline=None)
def test_a_plan_is_the_same_twice(cents: tuple[float, ...]) -> None:
    once, again = (as_json(planned(priced(cents))) for _ in range(2))
    for changing in (once, again):
        changing.pop("wall_s")
    assert once == again


@given(rates, rates)
@settings(max_examples=15, deadline=None)
def test_more_traffic_never_costs_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert planned(asked(), low).usd_per_month <= planned(asked(), high).usd_per_month + 1e-6


@given(st.sampled_from([0.9, 0.99, 0.999, 0.99999]), rates)
@settings(max_examples=20, deadline=None)
def test_spares_reach_the_availability_and_one_fewer_would_not(target: float, rate: float) -> None:
    from sims.plan.spares import enough

    found = planned(asked(limits=Limits(availability=target)), rate)
    assert found.spares is not None
    assert found.spares.reached >= target
    (part,) = found.chosen.parts
    (more,) = found.spares.replicas
    up = found.spares.replica_availability
    assert more == 0 or enough(part.replicas, part.replicas + more - 1, up) < target


@given(prices, st.integers(1, 12), rates)
@settings(max_examples=25, deadline=None)
def test_no_more_gpus_are_taken_than_there_are(cents: tuple[float, ...], count: int, rate: float) -> None:
    rented = tuple(offer(gpu, price=price, count=count) for gpu, price in zip(GPUS, cents, strict=True))
    request = asked(offers=rented)
    found = planned_or_told(request, rate)
    if isinstance(found, str):
        assert "and there are" in found or "misses a deadline by" in found
        assert rate > 0.5 * count * sum(SPEEDS.values())
        return
    assert all(part.replicas <= count for part in found.chosen.parts)


@given(st.floats(500.0, 20_000.0), rates)
@settings(max_examples=25, deadline=None)
def test_no_fleet_may_draw_more_than_the_cap(watts: float, rate: float) -> None:
    request = asked(*GPUS, limits=Limits(most_watts=watts))
    found = planned_or_told(request, rate)
    if isinstance(found, str):
        assert "kW" in found or "no fleet" in found or "misses a deadline" in found
        return
    counts = [part.replicas for part in found.chosen.parts]
    assert not broken(tuple(counts), [part.kind for part in found.chosen.parts], request)
    assert sum(n * part.kind.perf.limit_w for n, part in zip(counts, found.chosen.parts, strict=True)) <= watts + 1e-6


@given(st.floats(2.0, 60.0), rates)
@settings(max_examples=25, deadline=None)
def test_no_fleet_costs_more_than_the_budget(usd: float, rate: float) -> None:
    found = planned_or_told(asked(*GPUS, limits=Limits(most_usd_per_hour=usd)), rate)
    if isinstance(found, str):
        assert "an hour and the cap is" in found or "misses a deadline" in found
        return
    assert found.chosen.usd_per_hour <= usd + 1e-9


def test_a_weighted_objective_lies_between_dollars_and_energy() -> None:
    costs = {}
    for objective in (USD, ENERGY, Objective(name="weighted", usd=1.0, usd_per_kwh=2.0)):
        found = planned(asked(*GPUS, objective=objective), 150.0)
        watts = sum(part.replicas * part.kind.watts for part in found.chosen.parts)
        costs[objective.name] = (found.chosen.usd_per_hour, watts)
    assert costs["usd"][0] <= costs["weighted"][0] + 1e-9
    assert costs["energy"][1] <= costs["weighted"][1] + 1e-9


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e6), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_an_objective_is_dollars_and_kilowatt_hours_by_their_weights(
    usd: float, watts: float, of_usd: float, of_kwh: float
) -> None:
    one = Objective(usd=of_usd, usd_per_kwh=of_kwh)
    assert one.hourly(usd, watts) == pytest.approx(of_usd * usd + of_kwh * watts / 1000.0)
    assert USD.hourly(usd, watts) == usd
    assert ENERGY.hourly(usd, watts) == watts / 1000.0


def test_the_energy_objective_counts_ideas_in_energy() -> None:
    found = planned(asked(*GPUS, objective=ENERGY), 150.0)
    singles = [one.cost(ENERGY) for one in found.designs if one.name.startswith("only") and one.meets]
    assert dict(found.ideas)["mixed"] == pytest.approx(1.0 - found.chosen.cost(ENERGY) / min(singles))


def test_regions_that_are_allowed_are_the_only_ones_rented_from() -> None:
    both = (offer("h100-sxm", region="us", price=1.0), offer("h100-sxm", region="eu", price=5.0))
    anywhere = planned(asked(offers=both))
    assert {part.kind.offer.region for part in anywhere.chosen.parts} == {"us"}
    here = planned(asked(offers=both, limits=Limits(regions=("eu",))))
    assert {part.kind.offer.region for part in here.chosen.parts} == {"eu"}
    assert [one.name for one in here.rejected] == ["h100-sxm@us"]


def test_a_far_region_is_later_by_its_network() -> None:
    near, far = (kinds(asked(offers=(offer("h100-sxm", region="r", network_s=seconds),)))[0] for seconds in (0.0, 0.15))
    assert far.idle_ttft(1000.0) - near.idle_ttft(1000.0) == pytest.approx(0.15)
    assert far.idle_tpot(1000.0, 100.0) == near.idle_tpot(1000.0, 100.0)


def test_a_region_too_far_for_the_deadline_is_refused_with_the_distance() -> None:
    tight = (SloClass(ttft=Deadline(seconds=0.2)),)
    request = asked(offers=(offer("h100-sxm", region="far", network_s=0.5),), classes=tight)
    with pytest.raises(NoPlan, match=r"the fastest, h100-sxm-far: TTFT p90 of 0\.2 s cannot be met"):
        planned(request)


def test_gpus_of_a_region_are_named_with_it_in_options() -> None:
    found = offers(["h100-sxm@eu", "l40s"], numbers("inventory", "h100-sxm@eu=4"), numbers("price", "l40s=0.5"))
    assert found == (
        Offer(gpu="h100-sxm", region="eu", count=4), Offer(gpu="l40s", price=0.5))  # fmt: skip
    with pytest.raises(NoPlan, match="--inventory names h100-sxm, which --gpus does not offer"):
        offers(["h100-sxm@eu"], {"h100-sxm": 2.0}, {})


def test_a_request_file_has_regions_and_every_limit() -> None:
    request = from_parts(
        PlanFile.model_validate({
            "model": "llama-3.1-8b", "gpus": [{"gpu": "h100-sxm", "region": "eu", "network_s": 0.02}],
            "slo": [{"ttft": {"seconds": 1.0, "percentile": 99.0}}], "regions": ["eu"], "availability": 0.999,
            "most_watts": 9000.0, "most_usd_per_hour": 40.0, "objective": "weighted", "usd_per_kwh": 0.3,
        })
    )  # fmt: skip
    assert request.limits == Limits(most_watts=9000.0, most_usd_per_hour=40.0, availability=0.999, regions=("eu",))
    assert request.objective == Objective(name="weighted", usd=1.0, usd_per_kwh=0.3)
    assert request.offers[0].network_s == 0.02


def test_what_is_not_considered_says_why_each() -> None:
    request = asked(
        offers=(offer("h100-sxm", count=1, sizes=(1, 2)), offer("l4", sizes=(1,)), offer("l40s", region="us")),
        model="qwen3-32b", limits=Limits(regions=("", "eu")),
    )  # fmt: skip
    found, rejected = kinds_of(replace(request, offers=(*request.offers, offer("h200"))))
    whys = {one.name: one.why for one in rejected}
    assert "1 GPUs are fewer than 2" in whys["h100-sxm-x2"]
    assert "does not fit" in whys["l4"]
    assert "l40s is in region us" in whys["l40s@us"]
    assert {kind.name for kind in found} <= {"h100-sxm", "h200"}
