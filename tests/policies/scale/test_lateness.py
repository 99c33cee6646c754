"""What late answers say of the replicas there were."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.scale.capacity import Window
from policies.scale.lateness import LEAST, MOST, STEEP, Seen, allowance, correction
from policies.scale.scaling import PoolState, scaling
from tests.policies.scale.test_autoscaling import at_rate, steady, wish

ALLOWED = 0.01
SCALING = "slo_model"


def told(count: int, *, late: float, ready: int = 10, judged: int = 600) -> list[dict[str, PoolState]]:
    """States of which all answers were judged and a share was late."""
    states = [at_rate(i, 10.0, ready=ready) for i in range(count)]
    return [{"p": replace(one["p"], judged=judged, late=round(judged * late))} for one in states]


def ten(window: Window) -> float:
    return 10.0 if window.arrived else 0.0


def times(history: list[dict[str, PoolState]]) -> float:
    now = history[-1]["p"].at
    return correction(history, "p", now, ten, allowed=ALLOWED, hour_s=3600.0, day_s=86_400.0)


def test_where_nobody_tells_of_lateness_the_law_stands() -> None:
    assert times(steady(10.0, 100)) == 1.0


def test_where_nobody_tells_of_lateness_more_is_kept_to_spare() -> None:
    blind, seeing = scaling(SCALING, {"untold": 9.0}), scaling(SCALING, {"untold": 0.0})
    assert wish(blind, steady(10.0, 100)) > wish(seeing, steady(10.0, 100))
    assert wish(blind, told(100, late=ALLOWED)) == wish(seeing, told(100, late=ALLOWED))


def test_as_late_as_may_be_with_the_replicas_of_the_law_is_right() -> None:
    assert times(told(600, late=ALLOWED)) == pytest.approx(1.0, abs=0.01)


def test_twice_as_late_takes_more_replicas_by_the_steepness() -> None:
    found = times(told(600, late=2.0 * ALLOWED))
    assert found > 2.0 ** (1.0 / STEEP)  # what was too late today is made up for too
    assert found < MOST


def test_nobody_late_lets_replicas_go_but_not_without_end() -> None:
    assert LEAST <= times(told(600, late=0.0)) < 0.8


def test_those_that_were_there_count_and_not_those_of_the_law() -> None:
    assert times(told(600, late=ALLOWED, ready=14)) == pytest.approx(1.4, abs=0.05)
    assert times(told(600, late=ALLOWED, ready=7)) == pytest.approx(0.7, abs=0.05)


def test_a_few_answers_prove_little() -> None:
    assert 1.0 < times(told(10, late=0.05, judged=20)) < 1.4 < times(told(10, late=0.05, judged=2000))


def test_the_last_hour_says_more_than_the_hours_before() -> None:
    now_bad = [*told(540, late=ALLOWED), *[{"p": replace(one["p"], at=one["p"].at + 540 * 60.0)}
               for one in told(60, late=3.0 * ALLOWED)]]  # fmt: skip
    then_bad = [*told(60, late=3.0 * ALLOWED), *[{"p": replace(one["p"], at=one["p"].at + 60 * 60.0)}
                for one in told(540, late=ALLOWED)]]  # fmt: skip
    assert times(now_bad) > times(then_bad) > 0.9


def test_a_time_without_answers_or_replicas_says_nothing() -> None:
    none = told(60, late=0.0, judged=0)
    nobody = told(60, late=ALLOWED, ready=0)
    assert times(none) == 1.0
    assert times(nobody) == 1.0
    assert Seen.of([one["p"] for one in nobody], ten).judged == 0.0


def test_a_law_that_does_not_know_is_not_corrected() -> None:
    history = told(60, late=0.5)
    unknown = correction(
        history, "p", history[-1]["p"].at, lambda window: 0.0, allowed=ALLOWED, hour_s=600.0, day_s=3600.0
    )
    assert unknown == 1.0


@given(st.floats(0.0, 0.2), st.floats(0.0, 0.2), st.integers(4, 20))
def test_the_later_the_more_replicas_and_always_within_bounds(one: float, other: float, ready: int) -> None:
    less, more = sorted((one, other))
    few, many = times(told(90, late=less, ready=ready)), times(told(90, late=more, ready=ready))
    assert LEAST <= few <= many <= MOST


@given(st.integers(0, 1000))
def test_what_a_day_was_late_by_is_made_up_for_within_bounds(late: int) -> None:
    may = allowance(Seen(judged=1e6, late=100.0 * late, expected=1.0), ALLOWED)
    assert LEAST * ALLOWED <= may <= MOST * ALLOWED
    if 50 <= late <= 150:
        assert may + late / 1e4 == pytest.approx(2.0 * ALLOWED, rel=0.01)


def test_the_rule_wants_more_where_more_was_late() -> None:
    def of(late: float) -> int:
        return wish(scaling(SCALING), told(600, late=late, ready=6))

    assert of(0.03) > of(0.01) >= of(0.0)
