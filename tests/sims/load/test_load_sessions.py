"""A closed-loop turn goes out after the one before it has ended, and not a moment earlier than its pause allows."""

from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.load.sessions import Sessions


def turn(number: int = 0, session: str = "s", after_s: float | None = None, at: float = 0.0) -> Arrival:
    return Arrival(at=at, prompt_tokens=1, output_tokens=1, session=session, turn=number, after_s=after_s)


def test_a_request_without_a_session_never_waits() -> None:
    sessions = Sessions()
    lone = turn(session="", after_s=5.0, at=3.0)
    assert not sessions.holds(0, lone)
    assert sessions.earliest_s(lone) == 3.0
    assert sessions.ended(lone, 9.0) is None


def test_the_first_turn_goes_at_its_own_time() -> None:
    sessions = Sessions()
    assert not sessions.holds(0, turn(at=2.0))
    assert sessions.earliest_s(turn(at=2.0)) == 2.0


def test_a_turn_with_a_pause_waits_for_the_one_under_way() -> None:
    sessions = Sessions()
    sessions.holds(0, turn())
    assert sessions.holds(1, turn(1, after_s=4.0))
    assert sessions.ended(turn(), 10.0) == (1, turn(1, after_s=4.0))
    assert sessions.earliest_s(turn(1, after_s=4.0)) == 14.0


def test_a_pause_never_brings_a_turn_before_its_own_time() -> None:
    sessions = Sessions()
    sessions.holds(0, turn())
    sessions.ended(turn(), 1.0)
    assert sessions.earliest_s(turn(1, after_s=2.0, at=50.0)) == 50.0


def test_a_turn_without_a_pause_does_not_wait() -> None:
    sessions = Sessions()
    sessions.holds(0, turn())
    assert not sessions.holds(1, turn(1))


def test_a_pausing_turn_waits_for_all_that_are_under_way() -> None:
    sessions = Sessions()
    sessions.holds(0, turn())
    sessions.holds(1, turn(1))
    assert sessions.holds(2, turn(2, after_s=0.0))
    assert sessions.ended(turn(), 1.0) is None
    assert sessions.ended(turn(1), 2.0) == (2, turn(2, after_s=0.0))


def test_sessions_do_not_wait_for_each_other() -> None:
    sessions = Sessions()
    sessions.holds(0, turn(session="a"))
    assert not sessions.holds(1, turn(1, session="b", after_s=1.0))


def test_a_turn_given_back_counts_as_under_way() -> None:
    sessions = Sessions()
    sessions.holds(0, turn())
    sessions.holds(1, turn(1, after_s=1.0))
    sessions.ended(turn(), 1.0)
    assert sessions.holds(2, turn(2, after_s=1.0))


@given(st.integers(1, 30))
def test_every_waiting_turn_is_given_back_once_and_in_order(turns: int) -> None:
    sessions = Sessions()
    chain = [turn(n, after_s=1.0 if n else None) for n in range(turns)]
    held = [sessions.holds(n, one) for n, one in enumerate(chain)]
    assert held == [False] + [True] * (turns - 1)
    order = [0]
    while following := sessions.ended(chain[order[-1]], float(len(order))):
        order.append(following[0])
    assert order == list(range(turns))
