"""When a replica's engine is believed to hold what is predicted: all on fake time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.truth import Bounds, Truth, possible


class Meter:
    """One replica, asked once a second."""

    def __init__(self, **bounds: float) -> None:
        self.truth = Truth(Bounds(**bounds))  # type: ignore[arg-type]
        self.now = 0.0

    def ask(self, times: int, predicted: float, reported: float, prompt: float = 100.0, perhaps: float = -1.0) -> int:
        """So many requests; returns how often the judgement changed."""
        changes = 0
        for _ in range(times):
            self.now += 1.0
            changes += self.truth.judge(predicted, max(predicted, perhaps), reported, prompt, self.now)
        return changes


def test_an_engine_that_reports_what_was_predicted_is_believed() -> None:
    meter = Meter()
    assert meter.ask(200, 80.0, 80.0) == 0
    assert (meter.truth.mispredicted, meter.truth.error) == (False, 0.0)


@pytest.mark.parametrize(("predicted", "reported"), [(80.0, 0.0), (0.0, 80.0)])
def test_a_replica_that_has_less_or_more_than_predicted_is_mispredicted(predicted: float, reported: float) -> None:
    meter = Meter(enough=16)
    assert meter.ask(15, predicted, reported) == 0
    assert meter.ask(1, predicted, reported) == 1
    assert meter.truth.mispredicted


def test_one_wrong_request_among_many_is_no_judgement() -> None:
    meter = Meter()
    meter.ask(30, 80.0, 80.0)
    assert meter.ask(2, 80.0, 0.0) == 0


def test_it_is_believed_again_when_as_many_predictions_agree() -> None:
    meter = Meter(enough=16)
    meter.ask(16, 80.0, 0.0)
    assert meter.ask(15, 80.0, 80.0) == 0
    assert meter.ask(1, 80.0, 80.0) == 1
    assert not meter.truth.mispredicted


def test_between_the_bounds_nothing_changes_in_either_direction() -> None:
    for wrong in (False, True):
        meter = Meter(over=0.1, back=0.02)
        if wrong:
            meter.ask(16, 80.0, 0.0)
        assert meter.ask(300, 80.0, 75.0) == 0
        assert meter.truth.mispredicted is wrong


def test_what_ended_long_ago_counts_no_more() -> None:
    meter = Meter(enough=4, window_s=10.0)
    meter.ask(3, 80.0, 0.0)
    meter.now += 100.0
    assert meter.ask(3, 80.0, 0.0) == 0
    assert meter.ask(1, 80.0, 0.0) == 1


def test_a_restarted_replica_is_judged_by_what_comes() -> None:
    meter = Meter(enough=4)
    meter.ask(3, 80.0, 0.0)
    meter.truth.restart()
    assert meter.ask(3, 80.0, 0.0) == 0
    assert meter.truth.error == 0.8


def test_what_may_have_come_meanwhile_is_no_error_either_way() -> None:
    meter = Meter(enough=4)
    for reported in (0.0, 40.0, 80.0):
        assert meter.ask(10, 0.0, reported, perhaps=80.0) == 0
    assert meter.truth.error == 0.0
    meter.ask(1, 0.0, 90.0, perhaps=80.0)
    assert meter.truth.error > 0.0


@pytest.mark.parametrize("reported", [101.0, -2.0, math.nan, math.inf, -math.inf])
def test_a_figure_that_cannot_be_is_counted_and_not_believed(reported: float) -> None:
    meter = Meter(enough=1)
    assert meter.ask(50, 0.0, reported) == 0
    assert (meter.truth.lies, meter.truth.error) == (50, 0.0)


@given(st.floats(allow_nan=True), st.floats(0.0, 1e9))
def test_what_is_possible_is_a_part_of_the_prompt(reported: float, prompt: float) -> None:
    assert possible(reported, prompt) == (0.0 <= reported <= prompt)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(1, 1000), st.floats(0, 5)), max_size=60))
def test_the_error_is_that_of_the_last_requests_and_judgements_are_few(seen: list[tuple[float, ...]]) -> None:
    bounds = Bounds(enough=4, most=8)
    truth, now, changes = Truth(bounds), 0.0, 0
    for known, reported, prompt, passed in seen:
        now += passed
        changes += truth.judge(min(known, prompt), prompt, min(reported, prompt), prompt, now)
        assert 0.0 <= truth.error <= 1.0 + 1e-9
    assert changes <= len(seen) / bounds.enough
