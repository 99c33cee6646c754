"""Replicas that stand in for those under repair."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.spares import availability, guarded, stocked, up

shares = st.floats(0.5, 0.999)


def test_a_node_that_never_fails_is_always_up() -> None:
    assert availability(0.0, 48.0) == 1.0
    assert guarded(7, 1.0, 0.999) == stocked(7, 1.0) == 7


def test_published_failure_rates_give_their_published_availability() -> None:
    assert availability(0.0065, 4.0) == pytest.approx(0.9989, abs=5e-5)
    assert availability(0.0065, 48.0) == pytest.approx(0.98717, abs=5e-6)


@pytest.mark.parametrize(("needed", "share", "total"), [(8, 0.987, 9), (8, 0.95, 9), (25, 0.987, 26), (25, 0.95, 27)])
def test_stock_is_what_is_needed_over_what_is_up(needed: int, share: float, total: int) -> None:
    assert stocked(needed, share) == total


@given(st.integers(1, 7), st.integers(0, 3), shares)
def test_the_chance_that_enough_are_up_is_that_of_all_cases(needed: int, more: int, share: float) -> None:
    total = needed + more
    cases = [
        share ** sum(case) * (1 - share) ** (total - sum(case))
        for case in product((0, 1), repeat=total)
        if sum(case) >= needed
    ]
    assert up(needed, total, share) == pytest.approx(sum(cases))


@given(st.integers(1, 200), shares, st.floats(0.5, 0.9999))
def test_the_guard_is_the_least_that_is_enough(needed: int, share: float, confidence: float) -> None:
    total = guarded(needed, share, confidence)
    assert up(needed, total, share) >= confidence
    assert total == needed or up(needed, total - 1, share) < confidence


def test_large_fleets_do_not_overflow() -> None:
    assert 5000 < guarded(5000, 0.99, 0.999) < 5100


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1])
def test_an_availability_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="availability is above 0"):
        stocked(3, share)


def test_other_senseless_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        guarded(3, 0.9, 1.0)
    with pytest.raises(ValueError, match="must not be negative"):
        availability(-1.0, 4.0)
