"""What a turn is shown shrinks with what the model can make use of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.memory_tier import Shaping, Tier

TOOLS = [f"tool{i}" for i in range(741)]


def test_a_short_session_is_shown_whole() -> None:
    assert Shaping().surface([500.0] * 6, [], 32_000).tier is Tier.FULL


def test_a_session_past_the_usable_context_is_summarised() -> None:
    surface = Shaping().surface([3_000.0] * 8, [], 32_000)
    assert surface.tier is Tier.SUMMARY
    assert surface.tokens == pytest.approx(12_000 + 0.2 * 12_000)


def test_a_question_about_long_ago_in_a_deep_session_is_retrieved() -> None:
    assert Shaping().surface([1_000.0] * 12, [], 100_000, recalls=True).tier is Tier.RETRIEVAL
    assert Shaping().surface([1_000.0] * 12, [], 100_000).tier is Tier.FULL


def test_a_session_that_no_summary_makes_fit_is_retrieved() -> None:
    assert Shaping().surface([2_000.0] * 60, [], 32_000).tier is Tier.RETRIEVAL


def test_seven_hundred_tools_become_a_handful() -> None:
    surface = Shaping().surface([500.0], TOOLS, 32_000)
    before, after = len(TOOLS) * 172.0, len(surface.tools) * 172.0
    assert after < 0.02 * before
    assert surface.tools == tuple(TOOLS[: len(surface.tools)])


@given(st.lists(st.floats(0, 5_000), max_size=60), st.floats(1_000, 200_000), st.booleans())
def test_no_tier_costs_more_than_showing_everything(tokens: list[float], context: float, recalls: bool) -> None:
    assert Shaping().surface(tokens, TOOLS, context, recalls=recalls).tokens <= sum(tokens) * (1 + 1e-9) + 1e-9


def test_a_long_agent_session_is_billed_a_fraction() -> None:
    shaped = whole = 0.0
    for turn in range(1, 41):
        tokens = [1_500.0] * turn
        shaped += Shaping().surface(tokens, [], 32_000).tokens
        whole += sum(tokens)
    assert shaped < 0.5 * whole
