"""What is remembered of sessions' last turns, told between workers in whatever order."""

from router.auto.turns import MOST, Turn, Turns

FIRST, SECOND = Turn("t", "s", "d1", "small", 0, 10.0), Turn("t", "s", "d2", "large", 2, 11.0)


def test_the_newest_turn_of_a_session_is_its_last() -> None:
    turns = Turns()
    for turn in (FIRST, SECOND):
        turns.took(turn)
    assert turns.last("t", "s") == SECOND
    assert turns.fresh() == [FIRST, SECOND]
    assert turns.fresh() == []


def test_a_turn_that_is_heard_late_undoes_nothing() -> None:
    turns = Turns()
    turns.took(SECOND)
    turns.took(FIRST, fresh=False)
    assert turns.last("t", "s") == SECOND


def test_sessions_of_other_tenants_and_requests_without_one_are_apart() -> None:
    turns = Turns()
    turns.took(FIRST)
    turns.took(FIRST._replace(session=""))
    assert turns.last("other", "s") is None
    assert turns.last("t", "") is None
    assert turns.fresh() == [FIRST]


def test_the_longest_silent_session_is_forgotten_first() -> None:
    turns = Turns()
    for at in range(MOST + 1):
        turns.took(FIRST._replace(session=f"s{at}"), fresh=False)
    assert turns.last("t", "s0") is None
    assert turns.last("t", f"s{MOST}") is not None
