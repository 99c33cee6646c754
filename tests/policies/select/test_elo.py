"""Ratings from comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.elo import Duel, Elo, beats, bradley_terry
from policies.select.objective import Objective
from policies.select.port import Context, Option

ASKED = Context("r", np.zeros(1))
PAIR = (Option("a", "p", 0.001), Option("b", "p", 0.001))


def duels(wins: int, losses: int) -> list[Duel]:
    return [Duel("a", "b", 1.0)] * wins + [Duel("a", "b", 0.0)] * losses


def test_who_wins_three_of_four_is_rated_so_that_three_of_four_are_expected() -> None:
    ratings = bradley_terry(duels(750, 250))
    assert beats(ratings["a"], ratings["b"]) == pytest.approx(0.75, abs=0.005)


def test_the_order_of_duels_does_not_matter_to_bradley_terry() -> None:
    told = duels(6, 3)
    forth, back = bradley_terry(told), bradley_terry(told[::-1])
    assert forth == pytest.approx(back)


def test_strength_passes_through_a_third_model() -> None:
    told = [Duel("a", "b", 1.0)] * 30 + [Duel("b", "a", 1.0)] * 10
    told += [Duel("b", "c", 1.0)] * 30 + [Duel("c", "b", 1.0)] * 10
    ratings = bradley_terry(told)
    assert ratings["a"] > ratings["b"] > ratings["c"]
    assert beats(ratings["a"], ratings["c"]) == pytest.approx(0.88, abs=0.04)


def test_one_who_always_wins_has_a_finite_rating() -> None:
    assert np.isfinite(bradley_terry(duels(50, 0))["a"])


def test_duels_heard_one_by_one_move_the_rating_towards_the_truth() -> None:
    elo = Elo().heard(duels(1, 0) * 200)
    assert elo.ratings["a"] > 150.0 > -150.0 > elo.ratings["b"]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=40))
def test_points_are_neither_made_nor_lost(scores: list[float]) -> None:
    elo = Elo().heard(Duel("a", "b", score) for score in scores)
    assert sum(elo.ratings.values()) == pytest.approx(0.0, abs=1e-6)


def test_the_higher_rated_is_chosen_unless_it_is_too_dear() -> None:
    elo = Elo(ratings={"a": 200.0, "b": 0.0}, objective=Objective(worth_usd=0.01))
    assert elo.choose(ASKED, PAIR).option == 0
    assert elo.choose(ASKED, (PAIR[0]._replace(usd=0.1), PAIR[1])).option == 1


def test_nobody_compared_anything_and_nothing_is_rated() -> None:
    assert bradley_terry([]) == {}
