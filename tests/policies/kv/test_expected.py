"""How long a prompt on its way counts as held where it goes."""

from hypothesis import given
from hypothesis import strategies as st

from policies.kv.expected import WAIT_FLOOR_S, expected_until

times = st.floats(0.0, 1e6)


@given(times, st.floats(0.0, 1e3))
def test_it_is_expected_for_longer_than_was_predicted(now: float, ttft_s: float) -> None:
    assert expected_until(now, ttft_s) >= now + ttft_s + WAIT_FLOOR_S - 1e-6


@given(times, st.floats(0.0, 1e3), st.floats(0.0, 1e3))
def test_the_later_its_first_token_the_longer(now: float, one: float, other: float) -> None:
    assert (expected_until(now, one) <= expected_until(now, other)) or one > other
