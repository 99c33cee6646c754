"""A doubtful cheap answer goes to a dearer model only while there is time and nothing was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.request import coin
from policies.select.cascade import Act, Cascade, Depth
from policies.select.port import Option

OPTIONS = [
    Option("small", "a", 0.001, ttft_s=0.1),
    Option("middle", "b", 0.002, ttft_s=0.2),
    Option("large", "c", 0.005, ttft_s=0.6),
]
IDLE = [Depth(0.0, 0.5)] * 3
BUSY = [Depth(0.0, 0.5), Depth(0.0, 0.5), Depth(8.0, 0.5)]


def test_the_cheapest_model_is_asked_first() -> None:
    assert Cascade().start(OPTIONS[::-1]) == 2


def test_a_confident_answer_is_kept() -> None:
    assert Cascade().next(0, 0.9, OPTIONS, IDLE, 5.0).act is Act.KEEP


def test_a_doubtful_answer_goes_to_the_best_model_while_there_is_time() -> None:
    assert Cascade().next(0, 0.2, OPTIONS, IDLE, 5.0)[:2] == (Act.ESCALATE, 2)


def test_a_queue_longer_than_the_time_left_stops_the_escalation() -> None:
    step = Cascade().next(0, 0.2, OPTIONS, BUSY, 1.0)
    assert step[:2] == (Act.MIDDLE, 1)
    assert Cascade().next(0, 0.2, [OPTIONS[0], OPTIONS[2]], [IDLE[0], BUSY[2]], 1.0).act is Act.KEEP


def test_a_shorter_prompt_is_tried_where_only_the_prompt_is_too_slow() -> None:
    assert Cascade().next(0, 0.2, OPTIONS, IDLE, 0.4)[:2] == (Act.COMPRESS, 2)


def test_grace_lets_a_little_lateness_pass() -> None:
    assert Cascade().next(0, 0.2, OPTIONS, IDLE, 0.55).act is Act.COMPRESS
    assert Cascade(grace_s=0.1).next(0, 0.2, OPTIONS, IDLE, 0.55).act is Act.ESCALATE


def test_an_answer_that_nobody_could_judge_is_treated_as_configured() -> None:
    nothing = float("nan")
    assert Cascade(unsure=0.0).next(0, nothing, OPTIONS, IDLE, 5.0).act is Act.ESCALATE
    assert Cascade(unsure=1.0).next(0, nothing, OPTIONS, IDLE, 5.0).act is Act.KEEP


def test_a_dearer_model_that_is_not_worth_its_price_is_not_asked() -> None:
    expected = [0.5, 0.55, 0.9]
    assert Cascade(value_usd=0.001).next(0, 0.4, OPTIONS, IDLE, 5.0, quality=expected).act is Act.KEEP
    assert Cascade(value_usd=0.1).next(0, 0.4, OPTIONS, IDLE, 5.0, quality=expected).option == 2


@given(st.floats(0, 1), st.floats(0, 20), st.floats(0, 10))
def test_nothing_is_asked_again_once_the_client_has_a_byte(confidence: float, waiting: float, left_s: float) -> None:
    depths = [Depth(waiting, 0.5)] * 3
    assert Cascade().next(0, confidence, OPTIONS, depths, left_s, bytes_sent=True)[:2] == (Act.KEEP, 0)


@given(st.floats(0, 1), st.lists(st.floats(0, 50), min_size=3, max_size=3), st.floats(-1, 10))
def test_no_escalation_waits_longer_than_the_time_left(confidence: float, waiting: list[float], left_s: float) -> None:
    step = Cascade().next(0, confidence, OPTIONS, [Depth(each, 0.5) for each in waiting], left_s)
    assert step.act is Act.KEEP or waiting[step.option] * 0.5 < left_s


@given(st.floats(0, 1), st.floats(0, 20), st.floats(0, 20), st.floats(0, 5))
def test_a_longer_queue_never_attracts(confidence: float, one: float, other: float, left_s: float) -> None:
    short, long = sorted((one, other))
    two = [OPTIONS[0], OPTIONS[2]]
    steps = [Cascade().next(0, confidence, two, [IDLE[0], Depth(each, 0.5)], left_s) for each in (short, long)]
    order = [Act.KEEP, Act.COMPRESS, Act.ESCALATE]
    assert order.index(steps[0].act) >= order.index(steps[1].act)


def test_a_cascade_keeps_most_of_the_quality_at_a_part_of_the_cost() -> None:
    right, cost, calls = 0.0, 0.0, 2000
    for i in range(calls):
        small_right = coin(f"{i}", 1) < 0.65
        confidence = 0.5 * small_right + 0.5 * coin(f"{i}", 2)  # a judge that is right more often than not
        cost += OPTIONS[0].usd
        good = small_right
        if Cascade(threshold=0.6).next(0, confidence, OPTIONS, IDLE, 5.0).act is Act.ESCALATE:
            cost += OPTIONS[2].usd
            good = coin(f"{i}", 3) < 0.85
        right += good
    assert right / calls > 0.85 - 0.02
    assert cost / calls < 0.8 * OPTIONS[2].usd
    assert cost / calls == pytest.approx(0.0037, abs=0.0006)
