"""Turns of a conversation that came to nothing: every answer of the tools that a model called told an error."""

from collections.abc import Sequence

from policies.signals.facts import Message

CHARACTERS_A_TOKEN = 4.0


def turns(messages: Sequence[Message]) -> list[range]:
    """Where each of the model's turns stands: what it said and the tools' answers to that."""
    found, begun = list[range](), -1
    for at, message in enumerate([*messages, Message("", "")]):
        if begun >= 0 and message.role != "tool":
            found.append(range(begun, at))
            begun = -1
        if message.role == "assistant":
            begun = at
    return found


def failed_turns(messages: Sequence[Message]) -> list[range]:
    """Where the turns stand of which every tool's answer told an error; one without tools has not failed."""
    return [turn for turn in turns(messages) if len(turn) > 1 and all(messages[at].failed for at in turn[1:])]


def tokens(messages: Sequence[Message], turn: range) -> float:
    """Tokens of a turn, about."""
    return sum(len(messages[at].text) for at in turn) / CHARACTERS_A_TOKEN
