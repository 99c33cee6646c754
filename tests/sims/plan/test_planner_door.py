"""A whole plan: what it says, what it deploys, and one sentence where there is none."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sims.plan.asked import ENERGY, Asked, Deadline, Limits, NoPlan, SloClass
from sims.plan.deploy import fleet_of, fleet_yaml, helm_yaml
from sims.plan.outcome import Plan, as_json
from sims.plan.page import page
from sims.plan.planner import plan, servable
from sims.plan.traffic import Sampled
from tests.sims.plan.plans import asked, capacity, offer, traffic
from weir.fleetfile import FleetFile, read_fleet
from weir.strictyaml import loads

SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0, "l4": 1.0}


def planned(request: Asked, given: Sampled | None = None, **more: Any) -> Plan:
    """By the arithmetic simulator."""
    return plan(request, given or traffic(rate=90.0), simulate=capacity(SPEEDS), **more)


@pytest.fixture(scope="module")
def mixed() -> Plan:
    """Three GPUs, spares, a daily shape."""
    load = tuple(0.3 if hour < 8 else 1.0 for hour in range(24))
    return planned(asked("h100-sxm", "a100-80", "l40s", limits=Limits(availability=0.999)), load=load)


def test_the_chosen_fleet_meets_and_is_no_dearer_than_any_gpu_alone(mixed: Plan) -> None:
    assert mixed.chosen.meets
    singles = [one for one in mixed.designs if one.name.startswith("only") and one.meets]
    assert mixed.chosen.usd_per_hour <= min(one.usd_per_hour for one in singles)


def test_designs_stand_side_by_side_with_what_each_idea_saves(mixed: Plan) -> None:
    names = [one.name for one in mixed.designs]
    assert names[:3] == ["only h100-sxm", "only a100-80", "only l40s"] or set(names[:3]) == {
        "only h100-sxm", "only a100-80", "only l40s"}  # fmt: skip
    assert {"mixed", "two pools by length", "prefill apart from decode"} <= set(names)
    assert dict(mixed.ideas)["mixed"] >= 0.0


def test_spares_are_part_of_the_bill_and_of_the_fleet(mixed: Plan) -> None:
    assert mixed.spares is not None
    assert sum(mixed.replicas) == sum(part.replicas for part in mixed.chosen.parts) + sum(mixed.spares.replicas)
    assert mixed.usd_per_month > mixed.chosen.usd_per_month


def test_a_daily_shape_gives_a_schedule(mixed: Plan) -> None:
    assert mixed.schedule is not None
    assert len(mixed.schedule.replicas) == 24
    assert mixed.schedule.usd_per_month < mixed.chosen.usd_per_month


def test_the_plan_says_what_it_simulated(mixed: Plan) -> None:
    assert mixed.traffic == "400 requests"
    assert mixed.fleets_simulated > 3
    assert mixed.seeds_simulated >= mixed.fleets_simulated
    assert mixed.rate_rps == pytest.approx(90.0, rel=0.01)


def test_json_has_the_keys_a_script_needs_and_no_infinities(mixed: Plan) -> None:
    found = json.loads(json.dumps(as_json(mixed), allow_nan=False))
    assert {"pools", "boundary", "gamma", "prefill_to_decode", "availability", "usd_per_month", "schedule",
            "joules_per_output_token", "designs", "saved_by", "notes"} <= set(found)  # fmt: skip
    assert sum(pool["replicas"] for pool in found["pools"]) == sum(mixed.replicas)
    assert found["pools"][0]["gpu"] in SPEEDS


def test_the_fleet_file_reads_back_as_the_fleet(mixed: Plan, tmp_path: Path) -> None:
    request = asked("h100-sxm", "a100-80", "l40s")
    path = tmp_path / "fleet.yaml"
    path.write_text(fleet_yaml(mixed, request))
    fleet = read_fleet(path)
    assert fleet == fleet_of(mixed, request)
    assert [pool.replicas for pool in fleet.pools] == list(mixed.replicas)
    assert (fleet.slo.ttft_s, fleet.slo.tpot_s) == (1.0, 0.05)


def test_helm_values_mirror_the_fleet_file_and_name_the_policy(mixed: Plan) -> None:
    request = asked("h100-sxm", "a100-80", "l40s")
    values = yaml.safe_load(helm_yaml(mixed, request))
    router = values.pop("router")
    assert (router["policy"], router["settings"]) == ("shortest_ttft", {})
    fleet = yaml.safe_dump({"pools": values["pools"], "slo": router["slo"]})
    assert loads(fleet, FleetFile, "values") == fleet_of(mixed, request)


def test_the_page_stands_alone_and_shows_every_design(mixed: Plan) -> None:
    text = page(mixed)
    assert text.startswith("<!doctype html>")
    assert "http" not in text
    assert all(one.name in text for one in mixed.designs)
    assert "By the hour" in text


def test_a_plan_without_a_day_has_no_schedule() -> None:
    found = planned(asked(), only_mixed=True)
    assert found.schedule is None
    assert found.spares is None
    assert as_json(found)["availability"] is None
    assert "By the hour" not in page(found)


def test_the_energy_objective_prefers_fewer_watts() -> None:
    gpus = ("h100-sxm", "l40s")
    cheap = planned(asked(*gpus, objective=ENERGY), only_mixed=True)
    assert cheap.objective == "energy"
    assert cheap.chosen.meets


def test_no_gpu_that_holds_the_model_is_one_sentence() -> None:
    with pytest.raises(NoPlan, match="no offered GPU can hold"):
        planned(asked("l4", model="llama-3.1-70b"))


def test_no_gpu_fast_enough_says_the_deadline_and_by_how_much() -> None:
    request = asked("l4", classes=(SloClass(ttft=Deadline(seconds=0.1)),))
    with pytest.raises(
        NoPlan, match=r"the fastest, l4: TTFT p90 of 0\.1 s cannot be met: one idle prompt .* times as long"
    ):
        planned(request, traffic(prompt=3000))


def test_too_few_gpus_says_how_many_would_do() -> None:
    request = asked(offers=(offer("h100-sxm", count=2),))
    with pytest.raises(
        NoPlan, match=r"about \d+ × h100-sxm.* would be needed: it takes \d+ × h100-sxm and there are 2"
    ):
        planned(request, traffic(rate=400.0))


def test_too_little_power_says_by_how_much() -> None:
    with pytest.raises(NoPlan, match=r"its GPUs may draw .* kW and the cap is 0\.8 kW"):
        planned(asked(limits=Limits(most_watts=800.0)), traffic(rate=400.0))


def test_a_deadline_missed_by_any_number_of_replicas_says_how_near_it_came() -> None:
    def deaf(arrivals: Any, fleet: Any, policy: Any, conditions: Any) -> Any:
        from tests.sims.plan.plans import run

        return run(arrivals, fleet, ttft_s=1.5, tpot_s=0.01)

    with pytest.raises(NoPlan, match=r"the closest fleet simulated, .* misses a deadline by 50 %"):
        plan(asked(), traffic(rate=40.0), simulate=deaf)


def test_requests_longer_than_the_context_are_left_out_with_a_note() -> None:
    whole = traffic()
    kept, notes = servable(whole, 1200)
    assert len(kept.arrivals) < len(whole.arrivals)
    assert "longer than the model's context of 1,200 tokens" in notes[0]
    assert servable(whole, 100_000) == (whole, ())


def test_a_trace_of_nothing_but_too_long_requests_has_no_plan() -> None:
    with pytest.raises(NoPlan, match="take another model"):
        servable(traffic(), 10)


def test_requests_too_long_for_a_small_card_keep_it_out_of_the_mix() -> None:
    request = asked("h100-sxm", "l4", classes=(SloClass(tpot=Deadline(seconds=0.1)),))
    found = planned(request, traffic(prompt=20_000, rate=10.0), only_mixed=True)
    assert any("tokens of KV" in one.why for one in found.rejected)
    assert all(part.kind.name != "l4" for part in found.chosen.parts)
