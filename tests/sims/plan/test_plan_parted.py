"""Prefill apart from decode, simulated: grown until it meets, shrunk while it does."""

from collections.abc import Sequence
from typing import Any

from policies.fleet import Replica
from sims.arrivals import Arrivals
from sims.engine.run import Run
from sims.plan.designs import Bench, apart
from sims.plan.outcome import ratio
from sims.plan.parted import MOST, simulated
from sims.plan.planner import plan
from sims.plan.trial import Simulate
from tests.sims.plan.plans import TPOT, TTFT, asked, capacity, kinds, offer, run, traffic

RATE = 200.0


def parted(prefill: float, decode: float) -> Simulate:
    """First tokens depend on prefill replicas, the others on decode replicas; each serves so many requests a second."""

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        able = {role: sum(one.role == role for one in fleet) for role in ("prefill", "decode")}
        first = arrivals.rate_rps / max(able["prefill"] * prefill, 1e-9)
        later = arrivals.rate_rps / max(able["decode"] * decode, 1e-9)
        return run(arrivals, fleet, ttft_s=first * TTFT.seconds, tpot_s=later * TPOT.seconds)

    return simulate


def bench(simulate: Simulate) -> Bench:
    """H100s only."""
    request = asked()
    return Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=RATE), simulate=simulate)


def test_counts_become_those_that_simulation_lets_pass() -> None:
    given = bench(parted(30.0, 50.0))
    analytic = apart(given, given.kinds)
    assert analytic is not None
    found = simulated(given, analytic)
    assert found.simulated
    assert found.meets
    counts = {part.role: part.replicas for part in found.parts}
    assert RATE / 30.0 <= counts["prefill"] <= RATE / 30.0 + 2.0
    assert RATE / 50.0 <= counts["decode"] <= RATE / 50.0 + 2.0
    assert ratio(found) == f"{counts['prefill']}:{counts['decode']}"


def test_a_design_that_never_passes_says_so() -> None:
    given = bench(parted(0.01, 0.01))
    analytic = apart(given, given.kinds)
    assert analytic is not None
    found = simulated(given, analytic)
    assert not found.meets
    assert f"{MOST:g} times as large" in found.why


def test_the_pools_of_a_design_are_simulated_as_one_fleet_in_their_order() -> None:
    seen: list[list[tuple[str, str]]] = []

    def simulate(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        seen.append([(one.pool, one.role) for one in fleet])
        return parted(30.0, 50.0)(arrivals, fleet, policy, conditions)

    given = bench(simulate)
    analytic = apart(given, given.kinds)
    assert analytic is not None
    simulated(given, analytic)
    assert all(dict.fromkeys(fleet) == {("h100-sxm-prefill", "prefill"): None, ("h100-sxm-decode", "decode"): None}
               for fleet in seen)  # fmt: skip


def test_a_design_over_a_limit_says_by_how_much() -> None:
    request = asked(offers=(offer("h100-sxm", count=5),))
    given = Bench(asked=request, kinds=kinds(request), traffic=traffic(rate=RATE), simulate=parted(30.0, 50.0))
    analytic = apart(given, given.kinds)
    assert analytic is not None
    found = simulated(given, analytic)
    assert not found.meets
    assert "× h100-sxm and there are 5" in found.why


def test_fleets_and_seeds_of_every_judge_are_counted() -> None:
    given = bench(parted(30.0, 50.0))
    before = given.simulated
    analytic = apart(given, given.kinds)
    assert analytic is not None
    simulated(given, analytic)
    fleets, seeds = given.simulated
    assert fleets > before[0]
    assert seeds >= fleets


def test_a_plan_simulates_roles_only_where_the_simulator_knows_them() -> None:
    request, both = asked(), capacity({"h100-sxm": 22.0})
    without = plan(request, traffic(rate=90.0), simulate=both)
    found = {design.name: design for design in without.designs}
    assert not found["prefill apart from decode"].simulated
    with_roles = plan(request, traffic(rate=90.0), simulate=both, roles=True)
    found = {design.name: design for design in with_roles.designs}
    assert found["prefill apart from decode"].simulated
    assert found["prefill apart from decode"].deployable
