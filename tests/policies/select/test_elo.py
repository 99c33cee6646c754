"""Ratings from comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.elo import MOST_SESSIONS, Duel, Elo, beats, bradley_terry
from policies.select.objective import Objective
from policies.select.port import Context, Feedback, Option

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


def rated(model: str, quality: float, session: str = "s", tenant: str = "t") -> Feedback:
    return Feedback(ASKED._replace(session=session, tenant=tenant), model, "p", 1.0, quality, 0.0, 0.0)


def test_two_rated_answers_of_one_session_are_a_comparison() -> None:
    elo = Elo().learn([rated("a", 0.9), rated("b", 0.2)])
    assert elo.ratings["a"] > 0.0 > elo.ratings["b"]
    assert elo.ratings["a"] == pytest.approx(16.0 * 0.35)


def test_ratings_that_come_one_by_one_say_the_same() -> None:
    told = [rated("a", 0.9), rated("b", 0.2), rated("a", 0.7), rated("a", 0.1), rated("b", 1.0)]
    alone = Elo()
    for one in told:
        alone = alone.learn([one])
    assert alone.ratings == pytest.approx(Elo().learn(told).ratings)
    assert Elo().learn(told[:3]).ratings["a"] > Elo().learn(told[:2]).ratings["a"]


@pytest.mark.parametrize(
    "other",
    [rated("b", 0.2, session="other"), rated("b", 0.2, tenant="other"), rated("a", 0.2), rated("b", float("nan"))],
)
def test_ratings_of_other_sessions_of_the_same_model_or_of_nobody_compare_with_nothing(other: Feedback) -> None:
    assert Elo().learn([rated("a", 0.9), other]).ratings == {}


def test_a_rating_that_was_inferred_moves_less() -> None:
    said, inferred = rated("b", 0.2), rated("b", 0.2)._replace(weight=0.25)
    moved = [Elo().learn([rated("a", 0.9), one]).ratings["a"] for one in (said, inferred)]
    assert moved[1] == pytest.approx(0.25 * moved[0])


def test_ratings_without_a_session_compare_with_nothing() -> None:
    assert Elo().learn([rated("a", 0.9, session=""), rated("b", 0.1, session="")]).ratings == {}


def test_only_so_many_sessions_are_remembered() -> None:
    elo = Elo().learn([rated("a", 0.5, session=f"s{at}") for at in range(MOST_SESSIONS + 5)])
    assert len(elo.rated) == MOST_SESSIONS
    assert elo.learn([rated("b", 0.1, session="s0")]).ratings == {}
