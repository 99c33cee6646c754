"""Traffic that drifts, window by window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.windows import busiest, windows
from sims.arrival import Arrival

times = st.lists(st.floats(0.0, 500.0), max_size=80).map(sorted)


def arrivals(at: list[float], tokens: int = 100) -> list[Arrival]:
    return [Arrival(at=one, prompt_tokens=tokens, output_tokens=10) for one in at]


@given(times, st.floats(1.0, 100.0))
def test_windows_hold_every_request_but_the_lonely_ones(at: list[float], seconds: float) -> None:
    counts = np.unique([int(one // seconds) for one in at], return_counts=True)[1]
    apart = {int(one // seconds) for one in at}
    together = [counts[i] for i in range(len(apart)) if counts[i] > 1]
    try:
        found = list(windows(arrivals(at), seconds))
    except ValueError:
        pytest.fail("a window with two arrivals has a rate of its own")
    assert [round(one.rate * seconds) for one in found] == together


def test_a_window_counts_as_poisson_unless_it_is_burstier() -> None:
    calm, bursty = windows(arrivals([0.0, 1.0, 2.0, 3.0, 10.0, 10.0, 10.0, 10.0, 19.0]), 10.0)
    assert calm.arrival_cv2 == 1.0
    assert bursty.arrival_cv2 > 1.0
    assert (calm.rate, bursty.rate) == (0.4, 0.5)


def test_the_busiest_window_is_that_with_the_most_tokens() -> None:
    many = arrivals([0.0, 1.0, 2.0, 3.0], tokens=50)
    long = arrivals([10.0, 11.0], tokens=5000)
    assert busiest([*many, *long], 10.0).rate == pytest.approx(0.2)
    assert busiest(many, 10.0).rate == pytest.approx(0.4)


def test_simultaneous_arrivals_are_a_window_like_any_other() -> None:
    assert busiest(arrivals([5.0, 5.0, 5.0]), 10.0).rate == pytest.approx(0.3)


def test_nothing_to_size_and_no_window_are_refused() -> None:
    with pytest.raises(ValueError, match="no window of 10 s holds 2 arrivals"):
        busiest(arrivals([1.0]), 10.0)
    with pytest.raises(ValueError, match="more than 0 s"):
        list(windows(arrivals([1.0]), 0.0))
