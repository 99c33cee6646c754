"""Estimates of a policy over whole sessions, held against a chain whose truth is known."""

import numpy as np
import pytest

from policies.evaluate.by_session import Walk, estimates
from policies.evaluate.logged import BadLog

LENGTH = 3


def walk(chance: np.random.Generator, odds: float, target: float, lie: float = 0.0) -> Walk:
    """Three turns; action 1 pays 1, but only while every action before it was 1; the features tell that."""
    features, action, reward = list[list[float]](), list[int](), list[float]()
    alive = True
    for at in range(LENGTH):
        features.append([1.0, *(float(alive and at == each) for each in range(LENGTH))])
        taken = int(chance.random() < odds)
        reward.append(float(alive and taken) + chance.normal(scale=0.1))
        alive, action = alive and bool(taken), [*action, taken]
    told = np.where(np.array(action) == 1, odds, 1.0 - odds) + lie
    aim = np.tile([1.0 - target, target], (LENGTH, 1))
    return Walk(np.array(features), np.array(action), np.array(reward), told, aim)


def log(count: int, odds: float, target: float, seed: int = 0) -> list[Walk]:
    chance = np.random.default_rng(seed)
    return [walk(chance, odds, target) for _ in range(count)]


@pytest.mark.parametrize("target", [0.0, 0.5, 0.9, 1.0])
def test_what_a_policy_would_have_earned_is_told(target: float) -> None:
    truth = sum(target ** (at + 1) for at in range(LENGTH))
    found = estimates(log(1500, 0.5, target))
    robust = found["doubly_robust"]
    assert robust.low - 0.03 <= truth <= robust.high + 0.03
    assert found["direct"].value == pytest.approx(truth, abs=0.1)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    truth = sum(0.8 ** (at + 1) for at in range(LENGTH))
    held = [
        found.low <= truth <= found.high
        for seed in range(40)
        for found in [estimates(log(150, 0.5, 0.8, seed))["doubly_robust"]]
    ]
    assert np.mean(held) > 0.85


def test_a_policy_that_ran_earns_what_it_earned() -> None:
    walks = log(600, 0.7, 0.7)
    earned = np.mean([one.reward.sum() for one in walks])
    assert estimates(walks)["doubly_robust"].value == pytest.approx(earned, abs=0.05)
    assert estimates(walks)["doubly_robust"].effective == pytest.approx(600.0)


def test_weights_beyond_the_bound_are_cut_and_told() -> None:
    found = estimates(log(200, 0.02, 1.0), clip=5.0)
    assert found["doubly_robust"].clipped > 0.0
    assert found["direct"].clipped == 0.0


def test_later_turns_count_less_where_the_future_is_discounted() -> None:
    walks = log(800, 0.5, 1.0)
    assert estimates(walks, discount=0.5)["doubly_robust"].value == pytest.approx(1.75, abs=0.2)


def test_a_handful_of_sessions_tells_nothing() -> None:
    with pytest.raises(BadLog, match="3 sessions are too few"):
        estimates(log(3, 0.5, 0.5))
