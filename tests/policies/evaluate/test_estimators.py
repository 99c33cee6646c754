"""Estimates of a policy that did not run, beside what it would have earned."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.evaluate.direct import direct
from policies.evaluate.doubly_robust import doubly_robust
from policies.evaluate.ips import ips
from policies.evaluate.logged import ESTIMATORS, BadLog, Estimate, Logged
from policies.evaluate.rewards import cross_fitted
from policies.evaluate.snips import snips
from tests.policies.evaluate.logs import logged

UNBIASED: list[Callable[..., Estimate]] = [ips, snips, doubly_robust]
unbiased = pytest.mark.parametrize("estimate", UNBIASED, ids=lambda each: each.__name__)


def test_estimators_are_registered_under_their_files_names() -> None:
    assert ESTIMATORS.names() == ["direct", "doubly_robust", "ips", "snips"]


@unbiased
def test_an_estimate_is_near_the_truth(estimate: Callable[..., Estimate]) -> None:
    off = [estimate(log).value - truth for log, truth in map(logged, range(60))]
    assert abs(np.mean(off)) < 0.01


@unbiased
def test_nineteen_in_twenty_intervals_hold_the_truth(estimate: Callable[..., Estimate]) -> None:
    held = [found.low <= truth <= found.high for log, truth in map(logged, range(200)) for found in [estimate(log)]]
    assert np.mean(held) >= 0.9


def test_a_reward_model_makes_the_interval_narrower() -> None:
    log, _ = logged(1)
    assert doubly_robust(log).width < ips(log).width


def test_doubly_robust_is_right_where_every_propensity_is_told_alike_wrong_and_ips_is_not() -> None:
    log, truth = logged(2, 6000, lie=0.5)
    assert abs(doubly_robust(log).value - truth) < 0.04
    assert abs(ips(log).value - truth) > 0.3


def test_doubly_robust_is_right_where_the_model_knows_nothing() -> None:
    log, truth = logged(3, 6000)
    blind = replace(log, features=np.zeros((6000, 0)))
    assert abs(doubly_robust(blind).value - truth) < 0.03


def test_no_decision_is_predicted_by_a_model_that_saw_its_reward() -> None:
    log, _ = logged(4, 50)
    other = replace(log, reward=np.where(np.arange(50) == 7, 1.0 - log.reward, log.reward))
    assert cross_fitted(log)[7].tolist() == cross_fitted(other)[7].tolist()


def test_the_logging_policy_itself_is_worth_its_mean_reward() -> None:
    log, _ = logged(5)
    same = replace(log, target=np.tile([0.6, 0.3, 0.1], (len(log.action), 1)))
    for estimate in UNBIASED:
        assert estimate(same).value == pytest.approx(log.reward.mean(), abs=0.01)
    assert ips(same).effective == pytest.approx(len(log.action))


def test_clipping_is_told_and_narrows() -> None:
    log, _ = logged(6)
    free, cut = ips(log, clip=1e9), ips(log, clip=2.0)
    assert free.clipped == 0.0 < cut.clipped
    assert cut.width < free.width


def test_a_policy_that_never_agrees_with_the_log_has_no_sample_of_its_own() -> None:
    log, _ = logged(7, 100)
    never = replace(log, target=np.eye(4)[np.full(100, 3)])
    assert ips(never).effective == 0.0
    assert snips(never) == Estimate(0.0, 0.0, 0.0, 0.0, 0.0)


@given(st.integers(0, 10_000), st.floats(-5, 5))
@settings(max_examples=20, deadline=None)
def test_moving_every_reward_moves_the_estimate_as_much(seed: int, by: float) -> None:
    log, _ = logged(seed, 200)
    moved = replace(log, reward=log.reward + by)
    for estimate in (snips, doubly_robust, direct):
        assert estimate(moved).value - estimate(log).value == pytest.approx(by, abs=1e-6 if estimate is snips else 0.3)


def bad(**told: object) -> Logged:
    log, _ = logged(0, 10)
    return replace(log, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"propensity": np.zeros(10)}, "decision 1 has a propensity outside"),
        ({"propensity": np.full(10, np.nan)}, "decision 1 has a propensity outside"),
        ({"action": np.full(10, 9)}, "an action that is not among the options"),
        ({"reward": np.full(10, np.nan)}, "nobody judged"),
        ({"target": np.full((10, 3), 0.5)}, "do not sum to one"),
        ({"reward": np.zeros(9)}, "do not belong to the same 10 decisions"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused_with_its_row(told: dict[str, object], says: str) -> None:
    with pytest.raises(BadLog, match=says):
        bad(**told)


def test_an_empty_log_is_refused() -> None:
    nothing = np.zeros(0)
    with pytest.raises(BadLog, match="no decisions"):
        Logged(
            features=np.zeros((0, 1)), action=nothing.astype(int), reward=nothing, propensity=nothing,
            target=np.zeros((0, 3)),
        )  # fmt: skip
