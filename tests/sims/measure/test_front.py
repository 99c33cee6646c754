"""The Pareto front."""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from sims.measure.front import pareto

COSTS = st.lists(st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)), min_size=1, max_size=20)


def test_who_is_beaten_in_both_is_off_the_front() -> None:
    assert pareto([(1.0, 1.0), (2.0, 2.0), (0.5, 3.0)]) == (2, 0)


def test_equals_are_both_on_it() -> None:
    assert pareto([(1.0, 1.0), (1.0, 1.0)]) == (0, 1)


def test_what_is_unknown_counts_as_endless() -> None:
    assert pareto([(1.0, nan), (1.0, 5.0)]) == (1,)
    assert pareto([(inf, inf), (nan, nan)]) == ()


def test_of_nothing_there_is_no_front() -> None:
    assert pareto([]) == ()


@given(COSTS)
def test_nobody_on_the_front_is_beaten_and_everybody_else_is(costs: list[tuple[float, float]]) -> None:
    front = pareto(costs)
    assert front
    for i, mine in enumerate(costs):
        beaten = any(a <= mine[0] and b <= mine[1] and (a, b) != mine for a, b in costs)
        assert beaten != (i in front)
