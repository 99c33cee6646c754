"""Least squares on relative errors with floors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.calibrate.affine import bounded, relative_errors

FEATURES = np.array([[1.0, batch, batch * held] for batch in (1, 8, 32, 128) for held in (100, 1000, 4000)])
TRUE = np.array([10e-3, 30e-6, 40e-9])
FREE = np.zeros(3)


def test_exact_measurements_give_back_their_coefficients() -> None:
    found = bounded(FEATURES, FEATURES @ TRUE, FREE)
    assert found == pytest.approx(TRUE)
    assert np.abs(relative_errors(FEATURES, FEATURES @ TRUE, found)).max() < 1e-9


def test_a_coefficient_never_falls_below_its_floor() -> None:
    floor = np.array([12e-3, 0.0, 0.0])
    assert bounded(FEATURES, FEATURES @ TRUE, floor)[0] == 12e-3


def test_the_others_make_up_for_a_floor_as_well_as_they_can() -> None:
    floor = np.array([0.0, 0.0, 80e-9])
    seconds = FEATURES @ TRUE
    found = bounded(FEATURES, seconds, floor)
    shortened = np.abs(relative_errors(FEATURES, seconds, found)).mean()
    naive = np.abs(relative_errors(FEATURES, seconds, np.maximum(TRUE, floor))).mean()
    assert shortened < naive


def test_when_every_floor_holds_there_is_nothing_left_to_fit() -> None:
    floor = TRUE * 2
    assert bounded(FEATURES, FEATURES @ TRUE, floor) == pytest.approx(floor)


def test_a_feature_that_never_varies_from_nothing_gets_its_floor_or_nothing() -> None:
    features = np.c_[FEATURES, np.zeros(len(FEATURES))]
    found = bounded(features, FEATURES @ TRUE, np.zeros(4))
    assert found[:3] == pytest.approx(TRUE)
    assert found[3] == 0.0


def test_errors_count_by_their_share_of_a_step_not_by_seconds() -> None:
    """One slow step that is off by seconds weighs no more than a fast one that is off by the same share."""
    features = np.array([[1.0], [1.0], [1.0]])
    seconds = np.array([1.0, 1.0, 100.0])
    assert bounded(features, seconds, np.zeros(1))[0] < 2.0


@given(st.lists(st.floats(0.0, 2.0), min_size=3, max_size=3), st.lists(st.floats(0.1, 3.0), min_size=3, max_size=3))
def test_no_solution_is_below_any_floor(floors: list[float], scales: list[float]) -> None:
    least = np.array(floors) * TRUE
    found = bounded(FEATURES, FEATURES @ (TRUE * np.array(scales)), least)
    assert (found >= least * (1 - 1e-9)).all()
