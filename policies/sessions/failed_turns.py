"""Turns of a conversation that came to nothing: every answer of the tools that a model called told an error."""

from collections.abc import Sequence

from policies.signals.facts import Message

CHARACTERS_A_TOKEN = 4.0


def turns(messages: Sequence[Message]) -> list[range]:
    """Where each of the model's turns stands: what it said and the tools' answers to that."""
    roles, found = [message.role for message in messages], list[range]()
    for begin in (at for at, role in enumerate(roles) if role == "assistant"):
        end = begin + 1
        while end < len(roles) and roles[end] == "tool":
            end += 1
        found.append(range(begin, end))
    return found


def failed_turns(messages: Sequence[Message], of: Sequence[range] | None = None) -> list[range]:
    """Where the turns stand of which every tool's answer told an error; one without tools has not failed.

    `of` are the turns, where somebody knows them already.
    """
    failed = [message.failed for message in messages]
    return [
        turn
        for turn in (turns(messages) if of is None else of)
        if len(turn) > 1 and all(failed[turn.start + 1 : turn.stop])
    ]


def tokens(messages: Sequence[Message], turn: range) -> float:
    """Tokens of a turn, about."""
    return sum(len(messages[at].text) for at in turn) / CHARACTERS_A_TOKEN
