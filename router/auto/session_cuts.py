"""Bodies without their failed turns: what failed is said in short, so that the model does not try the same again."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from policies.select.session_q import standing
from policies.sessions.failed_turns import failed_turns, turns
from policies.signals.facts import Facts, Message
from policies.signals.reading import Reading
from router.auto.facts import message
from router.auto.leg_bodies import Plain, read
from router.auto.turns import Turn

CHAT = b"/v1/chat/completions"
TRIED = "Tried before in this conversation, without success:\n"
MOST_TOLD = 8  # failures that are told, the newest
CALL, ERROR = 160, 240  # characters of each
MOST_BYTES = 1 << 20  # of a body that is taken apart

_encode = msgspec.json.Encoder().encode


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


def stand(asked: Facts, path: bytes, body: bytes, last: Turn | None, may_cut: bool) -> Stand:
    """A session before a turn; failed turns are left out of chat completions that belong to a session."""
    of = turns(asked.messages)
    gone = failed_turns(asked.messages, of)
    failed, able = len(gone), path == CHAT and bool(asked.session) and len(body) <= MOST_BYTES
    cut = min(last.cut, failed) if last is not None and able else 0
    shorter = without_failed(body, gone, len(asked.messages)) if may_cut and able and failed > cut else None
    plain = without_failed(body, gone[:cut], len(asked.messages)) if cut else body
    cut = cut if plain is not body else 0
    return Stand(standing(asked, cut, of), cut, failed, plain, shorter if shorter is not body else None)


def without_failed(body: bytes, gone: Sequence[range], count: int) -> bytes:
    """The body without these failed turns of its messages, which are told in short before the first user's.

    A body that has another count of messages than the facts that told the turns is left as it is.
    """
    told = read(body)
    messages = told.get("messages") if told else None
    listed = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    if told is None or not gone or len(listed) != count:
        return body
    out = {at for turn in gone for at in turn}
    said = "\n".join(_failure([listed[at] for at in turn]) for turn in gone[-MOST_TOLD:])
    kept = [each for at, each in enumerate(listed) if at not in out]
    opening = next((at for at, each in enumerate(kept) if each.get("role") == "user"), len(kept))
    kept.insert(opening, {"role": "system", "content": TRIED + said})
    return _encode(told | {"messages": kept})


def _failure(turn: list[Plain]) -> str:
    """What was called, and what the first tool said to it."""
    calls = turn[0].get("tool_calls")
    functions = [one.get("function") for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []
    called = [f"{one.get('name')} {one.get('arguments')}" for one in functions if isinstance(one, dict)]
    answer: Message = message(turn[1])
    return f"- {', '.join(called)[:CALL]}: {answer.text[:ERROR]}"
