"""A plan on its way: its stages, what an interrupt leaves of it, and the designs of several pools in the end."""

from collections.abc import Sequence
from typing import Any

import pytest

from policies.fleet import Replica
from sims.arrivals import Arrivals
from sims.engine.run import Run
from sims.plan.asked import Limits, NoPlan
from sims.plan.designs import Bench
from sims.plan.hours import SEEDS, hours_of
from sims.plan.outcome import Design, Part, Plan
from sims.plan.planner import HOURS, MIXES, OTHERS, SINGLES, Extent, plan
from sims.plan.several import HANDED_OVER, others
from sims.plan.trial import Simulate
from sims.plan.whynot import why_not
from tests.sims.plan.plans import TPOT, TTFT, asked, capacity, counted, kinds, run, traffic

SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0}
DAY = tuple(0.3 if hour < 8 else 1.0 for hour in range(24))


def stopping(after: int) -> Simulate:
    """The arithmetic simulator, interrupted at the run of that number."""
    runs = 0

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        nonlocal runs
        runs += 1
        if runs > after:
            raise KeyboardInterrupt
        return capacity(SPEEDS)(arrivals, fleet, policy, conditions)

    return simulate


def planned(simulate: Simulate, **more: Any) -> Plan:
    """Three GPUs, a day's shape."""
    return plan(asked("h100-sxm", "a100-80", "l40s"), traffic(rate=90.0), simulate=simulate, load=DAY, **more)


def test_what_is_looked_at_is_a_list_in_order() -> None:
    assert Extent(load=DAY).stages == [SINGLES, MIXES, OTHERS, HOURS]
    assert Extent(only_mixed=True).stages == [SINGLES, MIXES]


def test_a_plan_that_is_left_alone_misses_nothing() -> None:
    assert planned(capacity(SPEEDS)).missing == ()


def test_an_interrupt_leaves_the_cheapest_fleet_so_far_and_says_what_is_missing() -> None:
    found = planned(stopping(12))
    assert found.partial
    assert found.missing[-2:] == (OTHERS, HOURS)
    assert found.chosen.meets
    assert found.chosen.simulated
    assert found.schedule is None


@pytest.mark.parametrize("after", [4, 9, 16, 30, 60, 120])
def test_wherever_it_is_stopped_the_fleet_it_names_met_every_deadline_in_simulation(after: int) -> None:
    found = planned(stopping(after))
    assert found.chosen.meets
    able = sum(part.replicas * SPEEDS[part.kind.pool.gpu] for part in found.chosen.parts)
    assert able >= 89.0
    assert found.chosen in found.designs
    assert found.seeds_simulated <= after


def test_later_stages_are_missing_less_and_less() -> None:
    missing = [len(planned(stopping(after)).missing) for after in (4, 16, 60, 400, 4000)]
    assert missing == sorted(missing, reverse=True)
    assert missing[0] == 4
    assert missing[-1] == 0


def test_an_interrupt_before_any_fleet_met_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        planned(stopping(0))


def test_spares_are_part_of_a_partial_plan_too() -> None:
    request = asked("h100-sxm", limits=Limits(availability=0.999))
    found = plan(request, traffic(rate=90.0), simulate=stopping(6))
    assert found.partial
    assert found.spares is not None
    assert found.spares.reached >= 0.999


def test_the_design_that_is_chosen_is_the_very_one_that_stands_beside_the_others() -> None:
    found = planned(capacity(SPEEDS))
    assert any(one is found.chosen for one in found.designs)


def test_a_plan_counts_what_all_designs_simulated() -> None:
    simulate, sizes = counted(capacity(SPEEDS))
    found = plan(asked(), traffic(rate=90.0), simulate=simulate, roles=True)
    assert found.seeds_simulated == len(sizes)


def test_two_pools_that_are_cheaper_are_chosen_with_the_policy_that_divides_them() -> None:
    """A simulator that likes divided pools twice as much."""

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        able = sum(SPEEDS[one.gpu] for one in fleet) * (2.0 if policy.name() == "length_split" else 1.0)
        late = arrivals.rate_rps / able
        return run(arrivals, fleet, ttft_s=late * TTFT.seconds, tpot_s=late * TPOT.seconds)

    found = plan(asked(), traffic(rate=200.0), simulate=simulate, load=DAY)
    assert found.chosen.name == "two pools by length"
    assert found.policy == "length_split"
    assert dict(found.settings) == {"threshold": found.chosen.boundary}
    assert dict(found.ideas)["two pools by length"] > 0.0
    assert found.schedule is not None, "its hours are simulated under its own policy"
    assert all(min(counts) >= 1 for counts in found.schedule.replicas)


def bench(simulate: Simulate, rate: float = 200.0) -> Bench:
    """H100s, each simulated alone."""
    request = asked()
    made = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=rate), simulate=simulate)
    list(made.singles())
    return made


def test_designs_of_several_pools_come_in_order_as_soon_as_they_are_known() -> None:
    given = bench(capacity(SPEEDS))
    found = list(others(given, given.kinds, 1e9, 0.8, 1.5, roles=True))
    assert [one.name for one in found] == [
        "two pools by length", "two pools, prompts compressed", "prefill apart from decode"]  # fmt: skip
    assert found[-1].why == HANDED_OVER


@pytest.mark.parametrize(("share", "gamma"), [(0.0, 2.0), (0.5, 1.0)])
def test_without_a_compressor_no_design_is_compressed(share: float, gamma: float) -> None:
    given = bench(capacity(SPEEDS))
    assert [one.gamma for one in others(given, given.kinds, 1e9, share, gamma, roles=False)] == [1.0, 1.0]


def test_hours_are_simulated_at_their_load_under_the_designs_own_policy() -> None:
    seen: list[tuple[str, float, int]] = []

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        seen.append((policy.name(), round(len(arrivals) / arrivals.span_s / 200.0, 1), len(fleet)))
        return capacity(SPEEDS)(arrivals, fleet, policy, conditions)

    given = bench(simulate)
    seen.clear()
    (kind,) = given.kinds
    two = Design(
        name="two", parts=(Part(kind=kind, replicas=8), Part(kind=kind, replicas=4)), policy="length_split",
        settings=(("threshold", 1000.0),),
    )  # fmt: skip
    found = hours_of(given, two, DAY)
    assert found is not None
    assert {name for name, *_ in seen} == {"length_split"}
    assert {rate for _, rate, _ in seen} >= {1.0, 0.3}
    assert len(seen) % SEEDS == 0


def test_a_mixed_fleets_hours_take_the_dearest_replicas_out_first() -> None:
    request = asked("h100-sxm", "l40s")
    given = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=150.0), simulate=capacity(SPEEDS))
    list(given.singles(hopeless=9.0))
    design = Design(name="mixed", parts=tuple(Part(kind=kind, replicas=8) for kind in given.kinds))
    found = hours_of(given, design, DAY)
    assert found is not None
    fast, slow = found.replicas[3]
    assert fast < 8
    assert (fast, slow) <= found.replicas[12]


def test_where_nothing_was_simulated_the_sentence_says_what_would_be_needed() -> None:
    request = asked(limits=Limits(most_usd_per_hour=1.0))
    given = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=90.0), simulate=capacity(SPEEDS))
    said = why_not(given)
    assert said.startswith("about ")
    assert "an hour and the cap is $1.00" in said


def test_more_traffic_than_any_number_of_replicas_carries_says_so() -> None:
    request = asked(limits=Limits(most_replicas=2))
    given = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=5000.0), simulate=capacity(SPEEDS))
    assert why_not(given) == "no fleet of up to 2 replicas carries the traffic: offer faster GPUs"


def test_several_limits_that_are_broken_are_all_named() -> None:
    request = asked(limits=Limits(most_usd_per_hour=1.0, most_watts=10.0))
    given = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=90.0), simulate=capacity(SPEEDS))
    said = why_not(given)
    assert "kW and the cap is 0.0 kW and it costs" in said


def test_a_plan_without_any_gpu_in_an_allowed_region_is_none() -> None:
    request = asked(limits=Limits(regions=("eu",)))
    with pytest.raises(NoPlan, match="h100-sxm is offered in no region, and only eu may be used"):
        plan(request, traffic(), simulate=capacity(SPEEDS))
