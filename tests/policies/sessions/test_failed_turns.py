"""Which turns of a conversation came to nothing."""

from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.failed_turns import failed_turns, tokens, turns
from policies.signals.facts import Message

USER, SAYS = Message("user", "do it"), Message("assistant", "done")
CALLS, GOOD, BAD = Message("assistant", "", ("run",)), Message("tool", "fine"), Message("tool", "error", failed=True)


def test_a_turn_is_what_the_model_said_and_what_tools_answered() -> None:
    assert turns([USER, CALLS, GOOD, SAYS, USER, CALLS, BAD]) == [range(1, 3), range(3, 4), range(5, 7)]


def test_a_turn_has_failed_when_every_tool_told_an_error() -> None:
    assert failed_turns([USER, CALLS, BAD, CALLS, GOOD, BAD, CALLS, BAD, BAD]) == [range(1, 3), range(6, 9)]


def test_a_turn_without_tools_has_not_failed() -> None:
    assert failed_turns([USER, SAYS, USER, SAYS]) == []


def test_an_answer_of_a_tool_that_nobody_called_belongs_to_no_turn() -> None:
    assert turns([BAD, USER, BAD]) == []


def test_a_turns_tokens_are_a_quarter_of_its_characters() -> None:
    assert tokens([USER, CALLS, BAD], range(1, 3)) == 1.25


@given(st.lists(st.sampled_from([USER, SAYS, CALLS, GOOD, BAD])))
def test_turns_never_overlap_and_failed_ones_are_among_them(talk: list[Message]) -> None:
    found = turns(talk)
    places = [at for turn in found for at in turn]
    assert places == sorted(set(places))
    assert all(turn in found for turn in failed_turns(talk))
    assert len(found) == sum(message.role == "assistant" for message in talk)
