"""A plain HTTP client of the completions API, streamed or not, which keeps what the proofs compare."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

PATIENCE_S = 120.0
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"

Seen = Callable[["Heard"], None]
"""Told after each piece of a stream."""


@dataclass(slots=True, kw_only=True)
class Heard:
    """One answer."""

    status: int = 0
    replica: str = ""  # as Weir names it; empty where an engine was asked itself
    text: str = ""
    ids: list[int] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    finish: str = ""
    done: bool = False  # whether the stream said so, or the answer was not streamed
    errors: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether it is a complete answer without an error."""
        return self.status == 200 and self.done and bool(self.finish) and not self.errors

    @property
    def cached(self) -> int | None:
        """Prompt tokens that the engine says it took from its cache."""
        told: int | None = (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        return told

    def take(self, answer: Mapping[str, Any]) -> None:
        """Take in an answer, or a piece of one."""
        if "error" in answer:
            self.errors.append(str(answer["error"]))
        for choice in answer.get("choices", []):
            said = choice.get("delta") or choice.get("message") or {}
            self.text += said.get("content") or choice.get("text") or ""
            self.ids += choice.get("token_ids") or []
            self.finish = choice.get("finish_reason") or self.finish
        self.usage = answer.get("usage") or self.usage


def ask(url: str, path: str, body: Mapping[str, Any], identity: str = "", seen: Seen = lambda heard: None) -> Heard:
    """Ask and hear all of it; what breaks off is told in the answer's errors."""
    place, heard = urlsplit(url), Heard()
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
    headers = {"content-type": "application/json", **({"x-request-id": identity} if identity else {})}
    try:
        connection.request("POST", path, msgspec.json.encode(body), headers)
        hear(connection.getresponse(), heard, seen)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        heard.errors.append(f"{type(error).__name__} {error}")
    finally:
        connection.close()
    return heard


def hear(reply: http.client.HTTPResponse, heard: Heard, seen: Seen) -> None:
    """Read a reply to its end."""
    heard.status, heard.replica = reply.status, reply.headers.get("x-weir-replica", "")
    if not reply.headers.get_content_type().startswith("text/event-stream"):
        heard.take(msgspec.json.decode(reply.read()))
        heard.done = True
        return
    for line in reply:
        data = line.strip().removeprefix(b"data: ")
        if data == b"[DONE]":
            heard.done = True
        elif data:
            heard.take(msgspec.json.decode(data))
            seen(heard)


def answer(url: str, path: str, body: Mapping[str, Any], identity: str = "") -> dict[str, Any]:
    """The whole answer of an unstreamed request, as it stands."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
    headers = {"content-type": "application/json", **({"x-request-id": identity} if identity else {})}
    try:
        connection.request("POST", path, msgspec.json.encode(body), headers)
        told: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
    finally:
        connection.close()
    return told
