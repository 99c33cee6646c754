"""A chat completion that is known, as the reply that a client asked for: whole, or as the events of a stream."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from router.refusals import reply

PIECE = 24  # characters an event
ENDING = b"data: [DONE]\n\n"

_encode = msgspec.json.Encoder(order="sorted").encode


def whole_reply(answer: dict[str, Any], lines: bytes) -> bytes:
    """The reply to a request that asked for no stream."""
    return reply(200, _encode(answer), extra=lines)


def streamed_reply(answer: dict[str, Any], lines: bytes, *, usage: bool) -> bytes:
    """The reply to a request that asked for a stream."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%btransfer-encoding: chunked\r\n\r\n" % lines
    return head + b"".join(chunked(events(answer, usage=usage))) + b"0\r\n\r\n"


def chunked(events: Iterable[bytes]) -> Iterator[bytes]:
    """Each event as a chunk."""
    return (b"%x\r\n%b\r\n" % (len(event), event) for event in events)


def events(answer: dict[str, Any], *, usage: bool) -> Iterator[bytes]:
    """The events of a stream that says the same: role, text in pieces, tool calls, and why it ended."""
    head = {name: answer.get(name) for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    for choice in answer["choices"]:
        index = choice.get("index", 0)
        for delta in _deltas(choice["message"]):
            yield event({**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]})
        yield event({**head, "choices": [{"index": index, "delta": {}, "finish_reason": choice.get("finish_reason")}]})
    if usage:
        yield event({**head, "choices": [], "usage": answer.get("usage")})
    yield ENDING


def event(told: object) -> bytes:
    """One event of a stream."""
    return b"data: " + _encode(told) + b"\n\n"


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is said, piece by piece."""
    yield {"role": message.get("role", "assistant"), "content": ""}
    for name in ("reasoning_content", "reasoning", "content", "refusal"):
        told = message.get(name)
        text = told if isinstance(told, str) else ""
        for at in range(0, len(text), PIECE):
            yield {name: text[at : at + PIECE]}
    for at, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": at, **call}]}
