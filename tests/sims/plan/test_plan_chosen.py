"""Which design is deployed: the cheapest with its spares that keeps every limit, and what each idea is worth."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.plan.asked import ENERGY, USD, Asked, Limits, NoPlan
from sims.plan.chosen import Fleet, cheapest_fleet, ideas
from sims.plan.outcome import Design, Part
from tests.sims.plan.plans import asked, kinds, offer

REQUEST = asked("h100-sxm", "l40s")
FAST, SLOW = kinds(REQUEST)


def design(name: str, fast: int = 0, slow: int = 0, **more: object) -> Design:
    """A simulated fleet that meets."""
    parts = tuple(Part(kind=kind, replicas=n) for kind, n in ((FAST, fast), (SLOW, slow)) if n)
    return replace(Design(name=name, parts=parts, meets=True, simulated=True), **more)  # type: ignore[arg-type]


def available(target: float, **limits: float) -> Asked:
    """The request with an availability and limits."""
    return replace(REQUEST, limits=Limits(availability=target, **limits))  # type: ignore[arg-type]


def test_without_an_availability_the_cheapest_is_taken_as_it_is() -> None:
    found = cheapest_fleet([design("a", fast=4), design("b", fast=3), design("c", fast=5)], REQUEST)
    assert (found.design.name, found.spares, found.notes) == ("b", None, ())
    assert found.counts == (3,)


@pytest.mark.parametrize("flaw", ["meets", "simulated", "deployable"])
def test_what_misses_was_not_simulated_or_cannot_be_deployed_is_not_taken(flaw: str) -> None:
    found = cheapest_fleet([design("cheap", fast=1, **{flaw: False}), design("sound", fast=3)], REQUEST)
    assert found.design.name == "sound"


def test_spares_count_when_designs_are_compared() -> None:
    """Two kinds need spares of both: a fleet of one kind that costs a little more may be cheaper with its own."""
    both, one = design("mixed", fast=9, slow=2), design("only h100-sxm", fast=10)
    assert both.usd_per_hour < one.usd_per_hour
    found = cheapest_fleet([both, one], available(0.999))
    assert found.design is one
    assert "mixed" in found.notes[0]
    assert "cheaper without spares only" in found.notes[0]
    assert cheapest_fleet([both, one], REQUEST).design is both


def test_a_design_whose_spares_break_a_limit_gives_way_to_one_that_keeps_it() -> None:
    tight = asked(offers=(offer("h100-sxm", count=3), offer("l40s")), limits=Limits(availability=0.999))
    fast, slow = kinds(tight)
    few = Design(name="few", parts=(Part(kind=fast, replicas=3),), meets=True, simulated=True)
    many = Design(name="many", parts=(Part(kind=slow, replicas=12),), meets=True, simulated=True)
    found = cheapest_fleet([few, many], tight)
    assert found.design is many
    assert "few (3 × h100-sxm) with its spares breaks a limit: it takes 4 × h100-sxm and there are 3" in found.notes


def test_where_no_spares_fit_the_sentence_says_which_limit_and_by_how_much() -> None:
    with pytest.raises(NoPlan, match=r"availability 0\.999 takes 1 spare replicas beside 3 × h100-sxm: it costs "
                                     r"\$18\.00 an hour and the cap is \$14\.00"):  # fmt: skip
        cheapest_fleet([design("a", fast=3)], available(0.999, most_usd_per_hour=14.0))


def test_the_power_cap_holds_for_spares_too() -> None:
    watts = 3.5 * FAST.perf.limit_w
    with pytest.raises(NoPlan, match="its GPUs may draw"):
        cheapest_fleet([design("a", fast=3)], available(0.999, most_watts=watts))


def test_the_objective_decides_what_is_cheapest() -> None:
    by_usd, by_energy = design("few dollars", slow=8), design("few watts", fast=4)
    assert by_usd.cost(USD) < by_energy.cost(USD)
    chosen = {one.name: cheapest_fleet([by_usd, by_energy], replace(REQUEST, objective=one)).design
              for one in (USD, ENERGY)}  # fmt: skip
    assert chosen["usd"] is by_usd
    least = min((by_usd, by_energy), key=lambda one: one.cost(ENERGY))
    assert chosen["energy"] is least


def test_what_each_idea_saves_is_a_share_of_the_best_single_kind() -> None:
    singles = [design("only h100-sxm", fast=10), design("only l40s", slow=40)]
    mixed = design("mixed", fast=8)
    found = dict(ideas(singles, mixed, [design("two pools by length", fast=12)], REQUEST))
    assert found == {"mixed": pytest.approx(0.2), "two pools by length": pytest.approx(-0.2)}


def test_an_idea_that_misses_a_deadline_is_worth_nothing_that_could_be_said() -> None:
    found = dict(
        ideas([design("only", fast=10)], design("mixed", fast=9), [design("two", fast=1, meets=False)], REQUEST)
    )
    assert list(found) == ["mixed"]


def test_where_no_single_kind_meets_there_is_nothing_to_compare_with() -> None:
    assert list(ideas([design("only", fast=10, meets=False)], design("mixed", fast=9), [], REQUEST)) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6), st.floats(0.0, 0.9999))
def test_nobody_deployable_is_cheaper_than_the_one_chosen(fleets: list[tuple[int, int]], target: float) -> None:
    designs = [design(str(i), fast=a, slow=b or int(not a)) for i, (a, b) in enumerate(fleets)]
    request = available(target)
    found = cheapest_fleet(designs, request)
    alone = [cheapest_fleet([one], request) for one in designs]
    assert found.cost(request) == min(one.cost(request) for one in alone)
    assert all(n >= part.replicas for n, part in zip(found.counts, found.design.parts, strict=True))


def test_a_fleet_that_keeps_its_limits_breaks_none() -> None:
    assert Fleet(design=design("a", fast=2)).breaks(REQUEST) == ""
