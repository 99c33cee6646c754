"""A streamed answer as it comes in: when tokens came, and what the engine says of them at the end."""

from typing import Any

import msgspec

decode = msgspec.json.Decoder().decode
DONE = b"data: [DONE]"


class Answer:
    """Server-sent events of one chat completion; only the first few and the last are parsed."""

    __slots__ = ("_rest", "_usage", "error", "events", "finished", "first", "last")

    def __init__(self) -> None:
        self.first: float | None = None  # clock of the first token
        self.last: float | None = None
        self.events = 0  # that carried tokens, as far as can be told without parsing them
        self.error = ""
        self.finished = False  # the stream said that it is complete
        self._rest = b""
        self._usage = b""

    def feed(self, data: bytes, now: float) -> None:
        """Take a piece of the body that arrived at `now`."""
        if self._rest:
            data = self._rest + data
        cut = data.rfind(b"\n\n")
        if cut < 0:
            cut = data.rfind(b"\n\r\n")
        if cut < 0:
            self._rest = data
            return
        self._rest = data[cut + 2 :]
        if self.first is None:
            self._begin(data[:cut], now)
        elif b'"delta"' in data or b'"text"' in data:
            self.last = now
            self.events += data.count(b"data: {", 0, cut)
        if b'"usage":{' in data or b'"usage": {' in data:
            self._usage = data
        if b'"error"' in data:
            self.error = _stream_error(data)
        if DONE in data[-64:]:
            self.finished = True

    def _begin(self, data: bytes, now: float) -> None:
        """The first token is not the first event: servers announce the assistant's role before they compute."""
        tokens = sum(map(_has_token, events(data)))
        if tokens:
            self.first = self.last = now
            self.events = tokens

    def usage(self) -> tuple[int, int, int]:
        """Prompt, output and cached tokens as the engine counted them; when it did not: 0, events, -1."""
        for event in reversed(events(self._usage)):
            found = event.get("usage")
            if isinstance(found, dict):
                return _usage(found)
        return 0, self.events, -1

    def whole(self, now: float) -> None:
        """Take what came as one JSON reply instead of a stream; all its tokens came at `now`."""
        reply = _object(self._rest)
        if isinstance(reply.get("usage"), dict):
            self._usage = b"data: " + self._rest
            self.first = self.last = now
            self.finished = True

    def refusal(self) -> str:
        """The message of an error reply, or its first words."""
        found = _object(self._rest).get("error")
        message = found.get("message") if isinstance(found, dict) else found
        return str(message or self._rest[:200].decode(errors="replace").strip() or "no reason given")


def events(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects among server-sent events."""
    lines = (line for line in data.split(b"\n") if line.startswith(b"data:"))
    return [found for line in lines if (found := _object(line[5:]))]


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _has_token(event: dict[str, Any]) -> bool:
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return False
    delta = choices[0].get("delta")
    if not isinstance(delta, dict):
        return isinstance(choices[0].get("text"), str)
    # an unprintable token comes as an empty text, without a role
    return "role" not in delta or any(delta.get(key) for key in ("content", "reasoning_content", "tool_calls"))


def _usage(found: dict[str, Any]) -> tuple[int, int, int]:
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    counts = (found.get("prompt_tokens"), found.get("completion_tokens"))
    prompt, output = (count if type(count) is int else 0 for count in counts)
    return prompt, output, cached if type(cached) is int else -1


def _stream_error(data: bytes) -> str:
    for event in events(data):
        found = event.get("error")
        if found:
            return str(found.get("message", found)) if isinstance(found, dict) else str(found)
    return ""
