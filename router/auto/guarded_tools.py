"""Tool calls of a reply that the caller's role may not make: they never come out, whole or in part."""

from collections.abc import Iterator
from typing import Any

import msgspec

from policies.sessions.tool_rights import Rights, ToolStream
from router.auto.replaying import ENDING, chunked, event

Plain = dict[str, Any]
_decode = msgspec.json.decode
LAST = b"0\r\n\r\n"


class Stream:
    """The events of one stream; calls that are denied are cut out, those that stay are numbered anew."""

    def __init__(self, rights: Rights, role: str) -> None:
        self._rights, self._role = rights, role
        self._calls: dict[tuple[int, str], ToolStream] = {}  # by choice and form
        self._numbers: dict[tuple[int, int], int] = {}  # the client's number of a call by choice and the engine's
        self._events = Events()

    @property
    def denied(self) -> int:
        """How many calls were stopped."""
        return sum(one.denied() for one in self._calls.values())

    def feed(self, data: bytes) -> bytes:
        """Chunks in, chunks of whole events out."""
        events = [out for one in self._events.feed(data) for out in self._event(one)]
        return b"".join(chunked(events)) + (LAST if self._events.over else b"")

    def _event(self, data: bytes) -> Iterator[bytes]:
        if not data.startswith(b"data: ") or data == ENDING:
            yield data
            return
        try:
            told = _decode(data[6:])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # what cannot be read cannot be ruled on
        choices = told.get("choices") if isinstance(told, dict) else None
        if not isinstance(choices, list) or not choices:
            yield data
            return
        kept = [out for choice in choices if isinstance(choice, dict) for out in self._choice(choice)]
        for one in kept:
            yield event(told | {"choices": [one]})

    def _choice(self, choice: Plain) -> Iterator[Plain]:
        """What of a choice may go on: what was held and is allowed now, then the rest of it."""
        at = choice.get("index", 0)
        delta = choice.get("delta")
        delta = dict(delta) if isinstance(delta, dict) else {}
        calls, call = delta.pop("tool_calls", None), delta.pop("function_call", None)
        pieces = [piece for one in calls or () if isinstance(one, dict) for piece in self._take(at, "tools", one)]
        named = self._take(at, "function", {"index": 0, "function": call}) if isinstance(call, dict) else []
        ended = choice.get("finish_reason")
        if ended:
            pieces += self._end(at, "tools")
            named += self._end(at, "function")
        for piece in pieces:
            yield {"index": at, "delta": {"tool_calls": [self._numbered(at, piece)]}, "finish_reason": None}
        for piece in named:
            yield {"index": at, "delta": {"function_call": piece["function"]}, "finish_reason": None}
        if delta or ended or not (calls or call):
            yield choice | {"delta": delta, "finish_reason": self._ending(at, ended)}

    def _take(self, at: int, form: str, piece: Plain) -> list[Plain]:
        before = self._calls.get((at, form)) or ToolStream(rights=self._rights, role=self._role)
        self._calls[at, form], passed = before.take(piece)
        return [dict(one) for one in passed]

    def _end(self, at: int, form: str) -> list[Plain]:
        if (at, form) not in self._calls:
            return []
        self._calls[at, form], passed = self._calls[at, form].end()
        return [dict(one) for one in passed]

    def _numbered(self, at: int, piece: Plain) -> Plain:
        own = (at, int(piece.get("index", 0)))
        number = self._numbers.setdefault(own, sum(choice == at for choice, _ in self._numbers))
        return piece | {"index": number}

    def _ending(self, at: int, ended: Any) -> Any:
        """An answer of which every call was stopped has ended without one."""
        ruled = [ok for (choice, _), one in self._calls.items() if choice == at for ok in one.ruled.values()]
        return "stop" if ended in ("tool_calls", "function_call") and ruled and not any(ruled) else ended


def whole(told: Plain, rights: Rights, role: str) -> tuple[Plain, int]:
    """A whole completion without the calls that are denied, and how many those were."""
    kept = [_ruled(choice, rights, role) for choice in told.get("choices", ()) if isinstance(choice, dict)]
    return told | {"choices": [choice for choice, _ in kept]}, sum(denied for _, denied in kept)


def _ruled(choice: Plain, rights: Rights, role: str) -> tuple[Plain, int]:
    message = choice.get("message")
    if not isinstance(message, dict):
        return choice, 0
    message, given = dict(message), message
    calls = [call for call in given.get("tool_calls") or () if isinstance(call, dict)]
    stay = [call for call in calls if rights.may(role, _name(call.get("function")))]
    named = given.get("function_call")
    if calls:
        message["tool_calls"] = stay
    if not stay:
        message.pop("tool_calls", None)
    stopped = isinstance(named, dict) and not rights.may(role, _name(named))
    if stopped:
        del message["function_call"]
    denied = len(calls) - len(stay) + stopped
    nothing = denied and not stay and not message.get("function_call")
    ended = "stop" if nothing and choice.get("finish_reason") in ("tool_calls", "function_call") else None
    return choice | {"message": message} | ({"finish_reason": ended} if ended else {}), denied


def _name(function: Any) -> str:
    name = function.get("name") if isinstance(function, dict) else ""
    return name if isinstance(name, str) else ""


class Events:
    """The whole events of a chunked body, as its bytes come."""

    def __init__(self) -> None:
        self._chunk = self._event = b""  # what is there of a chunk, and of an event, that is not whole
        self.over = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are whole by now; what stands behind the last one comes with the body's end."""
        data, at, events = self._chunk + data, 0, list[bytes]()
        while (line := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line].partition(b";")[0], 16)
            if len(data) < line + size + 4:
                break
            *found, self._event = (self._event + data[line + 2 : line + 2 + size]).split(b"\n\n")
            events += [one + b"\n\n" for one in found]
            at = line + size + 4
            if size == 0:
                self.over = True
                return [*events, *([self._event] if self._event else [])]
        self._chunk = data[at:]
        return events
