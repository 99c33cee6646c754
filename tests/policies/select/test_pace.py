"""How much of its time a replica lately spent on prompts."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.pace import WINDOW_S, Pace


def test_a_replica_that_was_sent_nothing_is_not_busy() -> None:
    assert Pace().busy(3, 10.0) == 0.0


def test_what_was_sent_fades() -> None:
    pace = Pace()
    pace.sent(0, 1.0, 10.0)
    assert pace.busy(0, 10.0) == pytest.approx(1.0 / WINDOW_S)
    assert pace.busy(0, 10.0 + WINDOW_S) == pytest.approx(exp(-1.0) / WINDOW_S)
    assert pace.busy(1, 10.0) == 0.0


@given(st.floats(0.01, 0.9), st.integers(20, 200))
def test_a_steady_stream_is_seen_as_the_share_that_it_takes(share: float, every_ms: int) -> None:
    pace, gap_s = Pace(), every_ms / 1000.0
    for i in range(int(8 * WINDOW_S / gap_s)):
        pace.sent(0, share * gap_s, i * gap_s)
    assert pace.busy(0, 8 * WINDOW_S) == pytest.approx(share, rel=0.05)


def test_who_sees_a_part_of_the_traffic_counts_for_the_others_too() -> None:
    half = Pace(0.5)
    half.sent(0, 1.0, 0.0)
    assert half.busy(0, 0.0) == pytest.approx(2.0 / WINDOW_S)


def test_a_clock_that_goes_back_makes_nobody_busier() -> None:
    pace = Pace()
    pace.sent(0, 1.0, 10.0)
    assert pace.busy(0, 5.0) == pace.busy(0, 10.0)
