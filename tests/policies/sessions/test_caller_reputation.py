"""What a caller's requests led to follows it everywhere, and passes with time."""

from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.caller_reputation import Event, Standing

HOUR = 3600.0
events = st.lists(st.tuples(st.sampled_from(list(Event)), st.floats(0, 48 * HOUR)), max_size=8)


def after(*told: tuple[Event, float]) -> Standing:
    standing = Standing()
    for event, now in told:
        standing = standing.after(event, now)
    return standing


def test_a_caller_without_events_may_do_everything() -> None:
    assert Standing().limits(0.0) == (True, True, 1.0, False)


def test_restrictions_come_in_order_of_severity() -> None:
    denied = after(*[(Event.TOOL_DENIED, 0.0)] * 2).limits(0.0)
    assert denied.tools
    assert denied.alert
    assert denied.budget < 1.0
    broken = after((Event.IDENTITY_FAILURE, 0.0), (Event.SAFETY_ESCALATION, 0.0)).limits(0.0)
    assert not broken.tools
    assert not broken.models


def test_trust_comes_back_with_time() -> None:
    standing = after((Event.IDENTITY_FAILURE, 0.0), (Event.SAFETY_ESCALATION, 0.0))
    assert standing.limits(48 * HOUR) == (True, True, 1.0, False)


@given(events)
def test_the_order_in_which_events_are_told_does_not_matter(told: list[tuple[Event, float]]) -> None:
    one, other = after(*told), after(*reversed(told))
    assert abs(one.score(100 * HOUR) - other.score(100 * HOUR)) < 1e-9


@given(events, st.sampled_from(list(Event)), st.floats(0, 48 * HOUR))
def test_an_event_never_raises_a_reputation(told: list[tuple[Event, float]], more: Event, now: float) -> None:
    assert after(*told, (more, now)).score(60 * HOUR) <= after(*told).score(60 * HOUR) + 1e-12


def test_an_attacker_who_moves_on_to_the_next_agent_meets_it_restricted() -> None:
    """Without a reputation every one of ten agents is attacked; with it, those after the first few are closed."""
    standing, reached = Standing(), 0
    for agent in range(10):
        if standing.limits(60.0 * agent).tools:
            reached += 1
            standing = standing.after(Event.SAFETY_ESCALATION, 60.0 * agent)
    assert reached <= 2
