"""What a plan says adds up, in every form it is said."""

from math import inf, nan

import pytest

from sims.plan.deploy import fleet_of, fleet_yaml
from sims.plan.kinds import Rejected
from sims.plan.outcome import HOURS_A_MONTH, Design, Part, Plan, Schedule, Spares, as_json, ratio
from sims.plan.page import page
from tests.sims.plan.plans import asked, kinds

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
        name="apart", parts=(Part(kind=FAST, replicas=3, role="prefill"), Part(kind=FAST, replicas=5, role="decode"))
    )
    fleet = fleet_of(planned(chosen=apart), REQUEST)
    assert [(pool.name, pool.role, pool.replicas) for pool in fleet.pools] == [
        ("h100-sxm-prefill", "prefill", 3), ("h100-sxm-decode", "decode", 5)]  # fmt: skip


def test_short_and_long_pools_of_one_kind_have_names_of_their_own() -> None:
    split = Design(
        name="two",
        parts=(Part(kind=FAST, replicas=3, most_prompt=900.0), Part(kind=FAST, replicas=5, least_prompt=900.0)),
    )
    assert [pool.name for pool in fleet_of(planned(chosen=split), REQUEST).pools] == ["h100-sxm-short", "h100-sxm"]


def test_a_fleet_file_says_what_it_was_planned_for() -> None:
    first, _, rest = fleet_yaml(planned(), REQUEST).partition("\n")
    assert first.startswith("# Planned for 12.5 requests a second under shortest_ttft: $")
    assert "replicas: 3" in rest


def test_names_in_a_page_cannot_break_out_of_it() -> None:
    odd = Design(name="<script>alert(1)</script>", parts=FLEET.parts, meets=True)
    assert "<script>" not in page(planned(designs=(odd,), chosen=odd))
