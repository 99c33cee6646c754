"""A session moves when the gain over its remaining turns pays for the context it leaves behind."""

from hypothesis import given
from hypothesis import strategies as st

from policies.request import coin
from policies.select.port import Option
from policies.sessions.stickiness import Prospect, Stickiness, turns_left

SMALL = Prospect(0.6, 0.001, 1e-5, 2e-7)
LARGE = Prospect(0.8, 0.002, 1e-5, 1e-6)
OPTIONS = [Option("small", "a", 0.001), Option("large", "b", 0.002)]


def test_a_short_context_with_many_turns_to_come_moves_to_the_better_model() -> None:
    assert Stickiness().moves(SMALL, LARGE, 1_000, 0.0, turns=20)


def test_a_long_context_near_its_end_stays() -> None:
    assert not Stickiness().moves(SMALL, LARGE, 100_000, 0.0, turns=2)


def test_a_context_that_is_already_there_costs_nothing_to_move() -> None:
    assert not Stickiness().moves(SMALL, LARGE, 50_000, 0.0, turns=10)
    assert Stickiness().moves(SMALL, LARGE, 50_000, 50_000.0, turns=10)


@given(st.floats(0, 200_000), st.floats(0, 200_000), st.floats(1, 50))
def test_a_longer_context_never_makes_moving_more_likely(one: float, other: float, turns: float) -> None:
    short, long = sorted((one, other))
    assert Stickiness().moves(SMALL, LARGE, short, 0.0, turns) >= Stickiness().moves(SMALL, LARGE, long, 0.0, turns)


@given(st.floats(0, 100_000), st.floats(1, 100))
def test_two_models_alike_never_bounce(context: float, turns: float) -> None:
    assert not Stickiness().moves(SMALL, SMALL, context, 0.0, turns)


def test_of_several_models_the_one_with_the_largest_gain_that_pays_is_taken() -> None:
    best = Prospect(0.95, 0.003, 1e-5, 1e-6)
    three = [*OPTIONS, Option("huge", "c", 0.003)]
    assert Stickiness().stays_or_goes(0, three, [SMALL, LARGE, best], 1_000, turns=20) == 2
    assert Stickiness().stays_or_goes(0, three, [SMALL, LARGE, best], 500_000, turns=2) == 0


def test_expected_gain_switches_far_less_than_the_best_of_each_turn_at_nearly_its_quality() -> None:
    """The effect that SAAR reports: most switches go, cost falls, quality stays."""
    switches, dollars, quality = {True: 0, False: 0}, {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
    for sticky in (True, False):
        for session in range(60):
            at, context = 0, 0.0
            for turn in range(12):
                swing = 0.2 * coin(f"{session}-{turn}", 1) - 0.1
                prospects = [SMALL._replace(quality=0.7 + swing), LARGE._replace(quality=0.7 - swing, usd=0.001)]
                chosen = (
                    Stickiness().stays_or_goes(at, OPTIONS, prospects, context, 12 - turn)
                    if sticky
                    else max((0, 1), key=lambda i: prospects[i].quality)
                )
                switches[sticky] += chosen != at and turn > 0
                dollars[sticky] += Stickiness().price(prospects[chosen], context, 0.0) if chosen != at else 0.0
                quality[sticky] += prospects[chosen].quality / (60 * 12)
                at, context = chosen, context + 800.0
    assert switches[True] < 0.4 * switches[False]
    assert dollars[True] < 0.4 * dollars[False]
    assert quality[True] > quality[False] - 0.05


def test_the_turns_left_are_those_of_sessions_that_went_on_as_long() -> None:
    assert turns_left([3, 5, 10, 12], 6) == 5.0
    assert turns_left([3, 5], 9) == turns_left([], 0) == 1.0
