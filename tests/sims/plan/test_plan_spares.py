"""Spares: enough replicas up with the asked probability."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.plan.asked import NoPlan
from sims.plan.outcome import Part
from sims.plan.spares import enough, replica_availability, spares_for
from tests.sims.plan.plans import asked, kinds


def part(replicas: int) -> Part:
    """Some H100s."""
    return Part(kind=kinds(asked())[0], replicas=replicas)


def test_a_replica_is_down_while_it_is_repaired() -> None:
    assert replica_availability(0.0065, 4 * 3600.0) == pytest.approx(0.9989, abs=1e-4)
    assert replica_availability(0.0065, 48 * 3600.0) == pytest.approx(0.9872, abs=1e-4)
    assert replica_availability(0.0, 1.0) == 1.0


def test_two_of_three_are_up_as_often_as_the_binomial_says() -> None:
    assert enough(2, 3, 0.9) == pytest.approx(3 * 0.9**2 * 0.1 + 0.9**3)


@given(needed=st.integers(1, 40), more=st.integers(0, 10), up=st.floats(0.5, 0.999))
def test_the_sum_is_the_binomials(needed: int, more: int, up: float) -> None:
    there = needed + more
    exact = sum(comb(there, k) * up**k * (1.0 - up) ** (there - k) for k in range(needed, there + 1))
    assert enough(needed, there, up) == pytest.approx(exact, rel=1e-9)


def test_nothing_needed_is_always_there_and_perfect_replicas_need_no_spares() -> None:
    assert enough(0, 0, 0.5) == 1.0
    assert enough(3, 3, 1.0) == 1.0
    assert enough(3, 2, 1.0) == 0.0


def test_the_fewest_spares_that_reach_the_target_are_taken() -> None:
    found = spares_for([part(20)], 0.999)
    (n,) = found.replicas
    assert enough(20, 20 + n, found.replica_availability) >= 0.999
    assert enough(20, 20 + n - 1, found.replica_availability) < 0.999
    assert found.reached >= 0.999
    assert found.usd_per_hour == pytest.approx(n * 4.5)


def test_two_pools_reach_the_target_together() -> None:
    found = spares_for([part(10), part(10)], 0.99, up=0.95)
    assert found.reached >= 0.99
    assert len(found.replicas) == 2


def test_a_higher_target_takes_no_fewer() -> None:
    counts = [spares_for([part(30)], target).replicas[0] for target in (0.9, 0.99, 0.9999)]
    assert counts == sorted(counts)


def test_replicas_that_are_hardly_ever_up_have_no_plan() -> None:
    with pytest.raises(NoPlan, match="cannot be reached"):
        spares_for([part(500)], 0.999999, up=0.01)
