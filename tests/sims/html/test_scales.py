"""Axes: figures keep their order, ticks are round, words are short."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.html.scale import Scale, dollars, hours, linear, logarithmic, nines, percent, plain, seconds

FIGURES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20)


@given(FIGURES, st.booleans())
def test_every_figure_lies_on_the_axis_in_its_order(values: list[float], log: bool) -> None:
    scale = (logarithmic if log else linear)(values, plain).over(0.0, 100.0)
    places = [scale(value) for value in sorted(values)]
    assert all(-1e-6 <= place <= 100.0 + 1e-6 for place in places)
    assert all(low <= high + 1e-9 for low, high in pairwise(places))


@given(FIGURES, st.booleans())
def test_ticks_rise_within_the_axis_and_are_few(values: list[float], log: bool) -> None:
    scale = (logarithmic if log else linear)(values, plain)
    assert 1 <= len(scale.ticks) <= 17
    assert all(low < high for low, high in pairwise(scale.ticks))
    assert scale.low <= scale.ticks[0]
    assert scale.ticks[-1] <= scale.high


def test_a_linear_axis_starts_at_nought_and_ends_at_a_round_figure() -> None:
    scale = linear([3.0, 44.0], plain)
    assert scale.ticks == (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
    assert linear([20.9, 21.6], plain, zero=False).low > 20.0


def test_the_endless_and_unknown_do_not_stretch_an_axis() -> None:
    assert linear([1.0, inf, nan], plain).high == 1.0
    assert logarithmic([1.0, 10.0, inf, nan, 0.0], plain).high < 20.0


@pytest.mark.parametrize("values", [[], [0.0], [inf], [5.0, 5.0]])
def test_an_axis_of_nothing_or_of_one_figure_can_be_drawn(values: list[float]) -> None:
    for scale in (linear(values, plain), logarithmic(values, plain)):
        assert scale.low < scale.high


def test_what_lies_beyond_an_axis_is_at_its_end() -> None:
    scale = linear([0.0, 10.0], plain).over(0.0, 100.0)
    assert (scale(-5.0), scale(1e9)) == (0.0, 100.0)


def test_upward_axes_are_upside_down_in_pixels() -> None:
    scale: Scale = linear([0.0, 10.0], plain).over(300.0, 20.0)
    assert scale(0.0) == 300.0
    assert scale(10.0) == 20.0


def test_each_nine_is_as_wide_as_the_one_before() -> None:
    scale = nines().over(0.0, 3.0)
    assert [scale(share) for share in (0.0, 0.9, 0.99, 0.999)] == pytest.approx([0.0, 1.0, 2.0, 3.0])
    assert [scale.shown(tick) for tick in scale.ticks] == ["0 %", "50 %", "90 %", "99 %", "99.9 %"]


@pytest.mark.parametrize(
    ("shown", "value", "words"),
    [
        (seconds, 0.0, "0"), (seconds, 2e-5, "20 µs"), (seconds, 0.05, "50 ms"), (seconds, 2.0, "2 s"),
        (seconds, 1234.0, "1,234 s"), (percent, 0.125, "12.5 %"), (dollars, 20.9, "$20.90"),
        (dollars, 1234.0, "$1,234"),
        (hours, 60.0, "60 s"), (hours, 600.0, "10 min"), (hours, 86400.0, "24 h"), (plain, 2.5e6, "2.5 M"),
    ],
)  # fmt: skip
def test_figures_are_short(shown: object, value: float, words: str) -> None:
    assert shown(value) == words  # type: ignore[operator]
