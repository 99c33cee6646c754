"""What a plan says adds up, in every form it is said."""

import json
from math import inf, nan

import pytest
import yaml

from sims.plan.deploy import fleet_of, fleet_yaml, helm_yaml
from sims.plan.designs import pooled
from sims.plan.kinds import Rejected
from sims.plan.outcome import HOURS_A_MONTH, Design, Part, Plan, Schedule, Spares, as_json, ratio
from sims.plan.page import page
from tests.sims.plan.plans import asked, kinds
from weir.fleetfile import FleetFile
from weir.strictyaml import loads

REQUEST = asked("h100-sxm", "l40s")
FAST, SLOW = kinds(REQUEST)
FLEET = Design(
    name="mixed", parts=(Part(kind=FAST, replicas=3), Part(kind=SLOW, replicas=2)), meets=True, simulated=True
)


def planned(**more: object) -> Plan:
    """A plan of that fleet."""
    given: dict[str, object] = {
        "model": REQUEST.model, "policy": "shortest_ttft", "objective": "usd", "traffic": "100 requests",
        "rate_rps": 12.5, "confidence": 0.95, "chosen": FLEET, "designs": (FLEET,), "ideas": (("mixed", 0.1),),
    }  # fmt: skip
    return Plan(**{**given, **more})  # type: ignore[arg-type]


def test_a_design_costs_what_its_parts_cost() -> None:
    assert FLEET.usd_per_hour == pytest.approx(3 * 4.5 + 2 * 1.86)
    assert FLEET.usd_per_month == pytest.approx(HOURS_A_MONTH * FLEET.usd_per_hour)
    assert FLEET.gpus == 5


def test_a_design_is_said_in_words() -> None:
    assert FLEET.said == "3 × h100-sxm + 2 × l40s"
    assert Design(name="none").said == "no fleet"
    assert Part(kind=FAST, replicas=2, role="prefill").said == "2 × h100-sxm for prefill"


def test_spares_come_on_top() -> None:
    spares = Spares(replicas=(1, 0), replica_availability=0.99, target=0.99, reached=0.995, usd_per_hour=4.5)
    found = planned(spares=spares)
    assert found.replicas == (4, 2)
    assert found.usd_per_month == pytest.approx(FLEET.usd_per_month + HOURS_A_MONTH * 4.5)
    assert [pool["spares"] for pool in as_json(found)["pools"]] == [1, 0]


def test_a_plan_without_spares_has_what_the_load_needs() -> None:
    assert planned().replicas == (3, 2)
    assert planned().usd_per_month == pytest.approx(FLEET.usd_per_month)


def test_the_ratio_is_of_prefill_to_decode() -> None:
    apart = Design(
        name="apart", parts=(Part(kind=FAST, replicas=3, role="prefill"), Part(kind=SLOW, replicas=5, role="decode"))
    )
    assert ratio(apart) == "3:5"
    assert ratio(FLEET) is None
    assert as_json(planned(designs=(FLEET, apart)))["designs"][1]["prefill_to_decode"] == "3:5"


def test_what_is_unknown_is_null_in_json() -> None:
    odd = Design(name="odd", parts=FLEET.parts, watts=inf, joules_per_token=nan)
    (found,) = as_json(planned(chosen=odd, designs=(odd,)))["designs"]
    assert found["watts"] is None
    assert found["joules_per_output_token"] is None


def test_what_was_not_considered_is_listed_with_the_reason() -> None:
    found = as_json(planned(rejected=(Rejected(name="l4", why="too small"),), notes=("one note",)))
    assert found["not_considered"] == [{"name": "l4", "why": "too small"}]
    assert found["notes"] == ["one note"]


def test_a_schedule_is_part_of_the_json_and_of_the_page() -> None:
    hours = Schedule(load=(1.0,) * 24, replicas=((3, 2),) * 24, usd_per_month=100.0, verified_hours=(0, 12))
    found = planned(schedule=hours)
    assert len(as_json(found)["schedule"]["replicas"]) == 24
    assert page(found).count("<td>100%</td>") == 24


def test_pools_of_a_planned_fleet_have_the_roles_and_names_of_their_parts() -> None:
    apart = Design(
        name="apart",
        parts=(
            Part(kind=pooled(FAST, "prefill"), replicas=3, role="prefill"),
            Part(kind=pooled(FAST, "decode"), replicas=5, role="decode"),
        ),
    )
    fleet = fleet_of(planned(chosen=apart), REQUEST)
    assert [(pool.name, pool.role, pool.replicas) for pool in fleet.pools] == [
        ("h100-sxm-prefill", "prefill", 3), ("h100-sxm-decode", "decode", 5)]  # fmt: skip


def test_short_and_long_pools_of_one_kind_have_names_of_their_own() -> None:
    split = Design(
        name="two",
        parts=(
            Part(kind=pooled(FAST, "short"), replicas=3, most_tokens=900.0),
            Part(kind=pooled(FAST, "long"), replicas=5, least_tokens=900.0),
        ),
    )
    names = [pool.name for pool in fleet_of(planned(chosen=split), REQUEST).pools]
    assert names == ["h100-sxm-short", "h100-sxm-long"]
    assert split.said == "3 × h100-sxm for short + 5 × h100-sxm for long"


def test_a_fleet_file_says_what_it_was_planned_for() -> None:
    first, _, rest = fleet_yaml(planned(), REQUEST).partition("\n")
    assert first.startswith("# Planned for 12.5 requests a second under shortest_ttft: $")
    assert "replicas: 3" in rest


def test_names_in_a_page_cannot_break_out_of_it() -> None:
    odd = Design(name="<script>alert(1)</script>", parts=FLEET.parts, meets=True)
    assert "<script>" not in page(planned(designs=(odd,), chosen=odd))


STOPPED = planned(missing=("mixes of GPUs", "hours of the day"))


def test_a_plan_that_was_stopped_is_marked_in_every_form() -> None:
    assert STOPPED.partial
    said = as_json(STOPPED)
    assert (said["partial"], said["missing"]) == (True, ["mixes of GPUs", "hours of the day"])
    for text in (fleet_yaml(STOPPED, REQUEST), helm_yaml(STOPPED, REQUEST)):
        assert text.startswith("# PARTIAL: stopped before it was done.")
        assert "not looked at: mixes of GPUs, hours of the day" in text.splitlines()[0]
    assert "PARTIAL: stopped" in page(STOPPED)


def test_a_marked_fleet_file_still_reads_back() -> None:
    assert loads(fleet_yaml(STOPPED, REQUEST), FleetFile, "it") == fleet_of(STOPPED, REQUEST)


def test_a_whole_plan_is_marked_in_none() -> None:
    assert as_json(planned())["partial"] is False
    assert not planned().marked
    for text in (fleet_yaml(planned(), REQUEST), helm_yaml(planned(), REQUEST), page(planned())):
        assert "PARTIAL" not in text


def test_helm_values_have_a_block_for_each_thing_the_chart_installs() -> None:
    values = yaml.safe_load(helm_yaml(planned(policy="length_split", settings=(("threshold", 900.0),)), REQUEST))
    assert list(values) == ["router", "pool", "redis", "pools"]
    assert values["router"]["policy"] == "length_split"
    assert values["router"]["settings"] == {"threshold": 900.0}
    assert values["router"]["slo"] == {"ttft_s": 1.0, "tpot_s": 0.05, "classes": []}
    assert values["pool"] == {"replicas": 2}
    assert [pool["replicas"] for pool in values["pools"]] == [3, 2]


def test_pools_of_helm_values_are_checked_by_the_fleet_files_own_models() -> None:
    values = yaml.safe_load(helm_yaml(planned(), REQUEST))
    again = FleetFile.model_validate({"pools": values["pools"], "slo": values["router"]["slo"]})
    assert again == fleet_of(planned(), REQUEST)


def test_the_policy_of_the_design_is_the_one_that_routes_it() -> None:
    split = Design(name="two", parts=FLEET.parts, policy="length_split", settings=(("threshold", 900.0),))
    assert (split.routed(REQUEST).policy, split.routed(REQUEST).settings) == ("length_split", (("threshold", 900.0),))
    assert FLEET.routed(REQUEST) is REQUEST


def test_a_page_says_what_each_idea_is_worth() -> None:
    text = page(planned(ideas=(("mixed", 0.123), ("two pools by length", -0.05))))
    assert "<td>mixed</td><td>saves 12.3%</td>" in text
    assert "<td>two pools by length</td><td>costs 5.0%</td>" in text


def test_json_of_a_plan_is_plain_json() -> None:
    assert json.loads(json.dumps(as_json(STOPPED), allow_nan=False))["policy"] == "shortest_ttft"
