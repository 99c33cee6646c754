"""The warm-up is left out and the drain is not counted into rates."""

from dataclasses import replace

import numpy as np
import pytest

from sims.measure.window import measured
from tests.sims.measure.runs import run


def test_the_first_tenth_of_the_span_does_not_count() -> None:
    window = measured(run(11))
    assert (window.start_s, window.end_s, window.span_s) == (1.0, 10.0, 9.0)
    assert window.counted.tolist() == [False] + [True] * 10


def test_without_a_warm_up_everybody_counts() -> None:
    assert measured(run(10), 0.0).counted.all()


def test_a_turn_that_never_came_counts_as_never_served() -> None:
    late = run(10)
    late = replace(late, at=np.where(np.arange(10) == 9, np.nan, late.at))
    window = measured(late)
    assert window.counted[9]
    assert window.end_s == 8.0


def test_arrivals_all_at_once_are_measured_until_the_last_thing_happened() -> None:
    window = measured(run(4, at=np.zeros(4), end_s=3.0))
    assert (window.start_s, window.end_s) == (0.0, 3.0)
    assert window.counted.all()


def test_a_run_that_ended_early_is_measured_until_its_end() -> None:
    assert measured(run(11, end_s=5.0)).end_s == 5.0


def test_nothing_that_came_is_no_window() -> None:
    assert measured(run(0)).span_s == 0.5  # from nothing until its end


@pytest.mark.parametrize("share", [1.0, -0.1, 7.0])
def test_a_warm_up_of_everything_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="leaves nothing to measure"):
        measured(run(), share)
