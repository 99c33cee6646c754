"""A client that writes bytes and reads replies, so that tests may say what no HTTP library would."""

import asyncio
import json
import socket
from typing import Any, NamedTuple

PATIENCE_S = 30.0  # for what is waited for: reached only where it never comes


class Reply(NamedTuple):
    """One reply as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Caller:
    """One connection to a gateway."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Caller":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, *parts: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(b"".join(parts))

    async def reply(self, within: float = PATIENCE_S) -> Reply:
        """The next reply; interim ones are given as they are."""
        async with asyncio.timeout(within):
            status, headers = parse((await self.reader.readuntil(b"\r\n\r\n"))[:-4])
            return Reply(status, headers, await self._body(status, headers))

    async def ask(self, path: str = "/v1/chat/completions", *lines: str, **fields: Any) -> Reply:
        """POST a body and take the reply."""
        self.send(post(path, *lines, **fields))
        return await self.reply()

    async def closed(self, within: float = PATIENCE_S) -> bool:
        """Whether the other end closes before it says anything more."""
        async with asyncio.timeout(within):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    def vanish(self) -> None:
        """Go away as a crashed client does."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def _body(self, status: int, headers: dict[str, str]) -> bytes:
        if status == 100:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return await self._chunks()
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        return await self.reader.read()

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append((await self.reader.readexactly(size + 2))[:-2])
        await self.reader.readexactly(2)
        return b"".join(parts)


def parse(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of a reply's head."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert len(headers) == len(lines), f"a header is given twice: {lines}"
    return int(first.split(" ")[1]), headers


def chat(**fields: Any) -> bytes:
    """The body of a chat request; fields that are None are left out."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, **fields}
    return json.dumps({key: value for key, value in asked.items() if value is not None}).encode()


def post(path: str = "/v1/chat/completions", *lines: str, body: bytes | None = None, **fields: Any) -> bytes:
    """A whole request."""
    body = chat(**fields) if body is None else body
    head = [f"POST {path} HTTP/1.1", "Host: weir", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + body


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in chunks."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post_chunked(body: bytes, size: int = 7) -> bytes:
    """A whole request, its body in chunks."""
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: weir\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
        body, size
    )
