"""Probabilities that can be believed, and the figures that say so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from router.classify.calibration import (
    auroc,
    calibration_error,
    fires_at,
    interval,
    macro_f1,
    sharpness,
    softmax,
    surprise,
    threshold_for_recall,
)

SCORES = arrays(np.float32, (6, 3), elements=st.floats(-5, 5, width=32))


@given(SCORES, st.floats(0.1, 100))
def test_shares_sum_to_one_and_keep_the_order(scores: np.ndarray, factor: float) -> None:
    shares = softmax(scores, factor)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-4)
    assert (shares[np.arange(6), scores.argmax(axis=1)] >= shares.max(axis=1) - 1e-6).all()


def drawn(factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn as likely as scores of this sharpness say."""
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(4000, 3)).astype(np.float32)
    shares = softmax(scores, factor)
    labels = (shares.cumsum(axis=1) < chance.random((4000, 1))).sum(axis=1)
    return scores, labels


@pytest.mark.parametrize("factor", [1.5, 4.0])
def test_the_sharpness_that_labels_were_drawn_by_is_found(factor: float) -> None:
    scores, labels = drawn(factor)
    assert sharpness(scores, labels) == pytest.approx(factor, rel=0.15)


def test_calibrated_shares_are_off_by_little_and_sharper_ones_by_more() -> None:
    scores, labels = drawn(2.0)
    assert calibration_error(softmax(scores, 2.0), labels) < 0.05
    assert calibration_error(softmax(scores, 20.0), labels) > 0.1
    assert surprise(scores, labels, 2.0) < surprise(scores, labels, 20.0)


def test_ranks_count_ties_half() -> None:
    yes = np.array([True, True, False, False])
    assert auroc(np.array([3.0, 2.0, 1.0, 0.0]), yes) == 1.0
    assert auroc(np.array([1.0, 1.0, 1.0, 1.0]), yes) == 0.5
    assert auroc(np.array([0.0, 1.0, 2.0, 3.0]), yes) == 0.0
    assert np.isnan(auroc(np.array([1.0]), np.array([True])))


def test_macro_f1_weighs_classes_alike() -> None:
    labels, told = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    assert macro_f1(labels, told, 2) == pytest.approx((6 / 7) / 2)
    assert macro_f1(labels, labels, 5) == 1.0


def test_a_threshold_catches_the_share_that_it_is_set_for() -> None:
    outside = np.linspace(0, 1, 101)
    assert (outside < threshold_for_recall(outside, 0.6)).mean() == pytest.approx(0.6, abs=0.02)
    assert threshold_for_recall(np.array([]), 0.6) == float("-inf")
    attack = np.linspace(0, 1, 1000)
    level = fires_at(attack, np.ones(1000, bool))
    assert (attack >= level).mean() == pytest.approx(0.905, abs=0.01)
    assert np.isnan(fires_at(attack, np.zeros(1000, bool)))


def test_an_interval_is_the_middle() -> None:
    low, high = interval(list(range(1001)))
    assert (low, high) == (25.0, 975.0)
