"""GET over one kept-alive HTTP/1.1 connection, on asyncio's streams."""

import asyncio
from types import TracebackType
from typing import NamedTuple, Self

MOST_BODY = 16 << 20
MOST_HEADERS = 100


class Refused(ConnectionError):
    """Nobody listens at that address."""


class BadAnswer(ConnectionError):
    """What came back is not HTTP, or too much of it."""


class Answer(NamedTuple):
    """A response."""

    status: int
    body: bytes


class Connection:
    """A connection to one `host:port`, opened when first needed and again when the other side has closed it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    async def get(self, path: str, timeout_s: float) -> Answer:
        """The answer; raises `Refused`, `TimeoutError` or another `OSError`, the connection then being closed."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._get(path)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            self.close()
            raise BadAnswer(f"no HTTP answer: {error}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connection go; the next `get` opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _get(self, path: str) -> Answer:
        if self._streams is None:
            return await self._exchange(path)
        try:
            return await self._exchange(path)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()  # the server had let the idle connection go, which says nothing of its health
            return await self._exchange(path)

    async def _exchange(self, path: str) -> Answer:
        reader, writer = self._streams = self._streams or await self._open()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\nAccept: */*\r\n\r\n".encode("ascii"))
        answer, keep = await _read(reader)
        if not keep:
            self.close()
        return answer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.address.rpartition(":")
        try:
            return await asyncio.open_connection(host.strip("[]"), int(port))
        except TimeoutError:
            raise
        except OSError as error:
            raise Refused(f"cannot connect: {error.strerror or error}") from None


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """One response, and whether the connection stays open."""
    version, status, *_ = (await reader.readuntil(b"\r\n")).split(None, 2)
    if not version.startswith(b"HTTP/1."):
        raise BadAnswer(f"not HTTP/1: {version[:20]!r}")
    headers = await _headers(reader)
    keep = version != b"HTTP/1.0" and headers.get(b"connection", b"").lower() != b"close"
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return Answer(int(status), await _chunks(reader)), keep
    if b"content-length" in headers:
        return Answer(int(status), await reader.readexactly(_size(headers[b"content-length"], 10))), keep
    return Answer(int(status), await _to_the_end(reader)), False


async def _headers(reader: asyncio.StreamReader) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
        if len(headers) > MOST_HEADERS:
            raise BadAnswer("too many headers")
    return headers


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts, total = [], 0
    while size := _size((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        total = _size(b"%d" % (total + size), 10)
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await _headers(reader)  # the trailer
    return b"".join(parts)


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    body = await reader.read(MOST_BODY)
    while more := await reader.read(MOST_BODY):
        body += more
        _size(b"%d" % len(body), 10)
    return body


def _size(text: bytes, digits: int) -> int:
    size = int(text, digits)
    if not 0 <= size <= MOST_BODY:
        raise BadAnswer(f"a body of {size} bytes")
    return size
