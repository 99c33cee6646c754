"""One streamed chat at a time over one connection, every event checked against what it must say."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from sims.emulator.answer import answer
from sims.emulator.asked import Asked
from sims.emulator.vocabulary import vocabulary

TOKENS = 24
PATIENCE_S = 60.0  # after which a stream that says nothing counts as lost
DECODER = msgspec.json.Decoder()


class Fate(Enum):
    """What became of one request."""

    WHOLE = "whole"
    LOST = "lost before its first byte"
    BROKEN = "broken in mid-stream"
    WRONG = "another's words, or some twice"


@dataclass(slots=True, kw_only=True)
class Heard:
    """What came back so far."""

    identity: str
    status: int = 0
    text: str = ""
    strangers: int = 0  # events that carry another request's id
    done: bool = False
    said: list[str] = field(default_factory=list)  # what the router said instead of an answer

    def event(self, data: bytes) -> None:
        """Take in one server-sent event."""
        if data == b"[DONE]":
            self.done = True
            return
        event: dict[str, Any] = DECODER.decode(data)
        if "error" in event:
            self.said.append(str(event["error"]))
            return
        self.strangers += event.get("id") != f"chatcmpl-{self.identity}"
        for choice in event.get("choices", []):
            self.text += choice.get("delta", {}).get("content") or ""

    def fate(self, expected: str) -> Fate:
        """The verdict, now that nothing more comes."""
        if self.strangers or not expected.startswith(self.text):
            return Fate.WRONG
        if self.done and self.text == expected:
            return Fate.WHOLE
        if self.done:
            return Fate.WRONG
        return Fate.BROKEN if self.text else Fate.LOST


def expected_text(identity: str, tokenizer: str, template: str) -> str:
    """What the emulator answers to that request id."""
    asked = Asked(max_tokens=TOKENS, ignore_eos=True, stream=True)
    said = answer(asked, TOKENS, f"{identity}|0|0".encode(), vocabulary(tokenizer, template))
    return "".join(said.texts)


class Client:
    """Keeps its connection for as long as the router does."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, identity: str, model: str, content: str) -> Heard:
        """One request and all that comes back of it; never raises."""
        heard = Heard(identity=identity)
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await self._connected()
                writer.write(_request(identity, model, content))
                await self._hear(reader, heard)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, msgspec.DecodeError) as error:
            heard.said.append(f"{type(error).__name__} {error}")
            self.close()
        return heard

    def close(self) -> None:
        """Drop the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self._reader, self._writer

    async def _hear(self, reader: asyncio.StreamReader, heard: Heard) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        heard.status = int(head.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" not in head:
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            heard.said.append((await reader.readexactly(length)).decode(errors="replace")[:200])
            return
        rest = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            *events, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n\n")
            for event in events:
                heard.event(event.removeprefix(b"data: "))
        await reader.readuntil(b"\r\n")


def _request(identity: str, model: str, content: str) -> bytes:
    body = msgspec.json.encode(
        {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": TOKENS,
            "ignore_eos": True,
            "stream": True,
        }
    )
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: router\r\nX-Request-Id: {identity}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
