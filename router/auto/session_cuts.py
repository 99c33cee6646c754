"""Bodies without their failed turns: what failed is said in short, so that the model does not try the same again.

Messages that stay are copied as they stand: of hundreds of kilobytes anything else would hold the loop for long.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from policies.select.session_q import standing
from policies.sessions.failed_turns import failed_turns, turns
from policies.signals.facts import Facts, Message
from policies.signals.reading import Reading
from router.auto.facts import message
from router.auto.leg_bodies import Plain
from router.auto.schema import ABSENT, anything, raws, where
from router.auto.turns import Turn

CHAT = b"/v1/chat/completions"
TRIED = "Tried before in this conversation, without success:\n"
MOST_TOLD = 8  # failures that are told, the newest
CALL, ERROR = 160, 240  # characters of each
MOST_BYTES = 1 << 20  # of a body that is taken apart
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_encode = msgspec.json.Encoder().encode


class Chat(msgspec.Struct, gc=False):
    """A body's messages as they stand in it."""

    messages: msgspec.Raw = ABSENT


_chat = msgspec.json.Decoder(Chat).decode


class Stand(NamedTuple):
    """Where a session stands, and the bodies that its next turn may be asked with."""

    reading: Reading
    cut: int  # failed turns that are left out by now
    failed: int  # that there are in all
    body: bytes
    shorter: bytes | None  # with all of them left out; None where there is nothing to leave out

    def cuts(self, intervened: bool) -> int:
        """How many are left out from now on."""
        return self.failed if intervened else self.cut


class Talk(NamedTuple):
    """A body taken apart: where its messages stand, and each of them."""

    body: bytes
    place: slice
    pieces: list[msgspec.Raw]

    def without(self, gone: Sequence[range], said: Sequence[Message]) -> bytes:
        """The body without these turns, which are told in short before the first of a user's messages that stay."""
        out = {at for turn in gone for at in turn}
        kept = [at for at in range(len(said)) if at not in out]
        first = next((at for at, was in enumerate(kept) if said[was].role == "user"), len(kept))
        told = "\n".join(_failure([anything(self.pieces[at]) for at in turn[:2]]) for turn in gone[-MOST_TOLD:])
        pieces: list[msgspec.Raw | bytes] = [self.pieces[at] for at in kept]
        pieces.insert(first, _encode({"role": "system", "content": TRIED + told}))
        view = memoryview(self.body)
        return b"".join([view[: self.place.start], b"[", b",".join(pieces), b"]", view[self.place.stop :]])


def stand(
    asked: Facts, path: bytes, body: bytes, last: Turn | None, may_cut: bool, place: slice | None = None
) -> Stand:
    """A session before a turn; failed turns are left out of chat completions that belong to a session.

    Where the body's messages stand is looked for unless their place is known.
    """
    of = turns(asked.messages)
    gone = failed_turns(asked.messages, of)
    failed, able = len(gone), path == CHAT and bool(asked.session) and len(body) <= MOST_BYTES
    cut = min(last.cut, failed) if last is not None and able else 0
    more = may_cut and able and failed > cut
    talk = taken_apart(body, len(asked.messages), place) if cut or more else None
    if talk is None:
        return Stand(standing(asked, 0, of), 0, failed, body, None)
    plain = talk.without(gone[:cut], asked.messages) if cut else body
    return Stand(standing(asked, cut, of), cut, failed, plain, talk.without(gone, asked.messages) if more else None)


def taken_apart(body: bytes, count: int, place: slice | None = None) -> Talk | None:
    """A body of so many messages; None for any other: the facts that told the turns are not about it."""
    try:
        at = place or where(body, _chat(body).messages)
        pieces = raws(body[at])
    except UNREADABLE:
        return None
    return Talk(body, at, pieces) if len(pieces) == count else None


def _failure(turn: list[Plain]) -> str:
    """What was called, and what the first tool said to it."""
    calls = turn[0].get("tool_calls")
    functions = [one.get("function") for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []
    called = [f"{one.get('name')} {one.get('arguments')}" for one in functions if isinstance(one, dict)]
    answer: Message = message(turn[1])
    return f"- {', '.join(called)[:CALL]}: {answer.text[:ERROR]}"
