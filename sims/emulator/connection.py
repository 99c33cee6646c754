"""HTTP/1.1 at the protocol level: bytes in, requests out, one at a time per connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import cast

import httptools

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


Handler = Callable[["Exchange"], None]


class Exchange:
    """One request and its answer, which is whole or a stream of chunks."""

    __slots__ = ("_connection", "gone", "lines", "request")

    def __init__(self, connection: "Connection", request: Received) -> None:
        self._connection = connection
        self.request = request
        self.lines: list[bytes] = []  # that the reply's head has beside its own
        self.gone: Callable[[], None] | None = None  # called when the client left before the end

    def reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Answer at once."""
        length = b"content-length: %d\r\n\r\n" % len(body)
        self._connection.write(self._head(status, kind) + length + body)
        self._connection.finished(self)

    def open(self) -> None:
        """Begin a stream of server-sent events."""
        head = self._head(200, "text/event-stream; charset=utf-8")
        self._connection.write(head + b"transfer-encoding: chunked\r\n\r\n")

    def send(self, *events: bytes) -> None:
        """Send events, each its own chunk, in one write."""
        self._connection.write(b"".join([b"%x\r\n%b\r\n" % (len(event), event) for event in events if event]))

    def end(self, *events: bytes) -> None:
        """Send the last events and end the stream."""
        chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events if event]
        self._connection.write(b"".join(chunks) + b"0\r\n\r\n")
        self._connection.finished(self)

    def _head(self, status: int, kind: str) -> bytes:
        lines = [b"HTTP/1.1 %d %b" % (status, REASONS[status]), today(), b"server: uvicorn"]
        if not self.request.keep_alive:
            lines.append(b"connection: close")
        if "x-request-id" in self.request.headers:
            lines.append(b"x-request-id: " + self.request.headers["x-request-id"].encode("latin-1"))
        lines += self.lines
        lines.append(b"content-type: " + kind.encode())
        return b"\r\n".join(lines) + b"\r\n"


class Connection(asyncio.Protocol):
    """One client connection; `all_open` holds every connection of the same listener."""

    def __init__(self, handle: Handler, all_open: "set[Connection]") -> None:
        self._handle, self._all_open = handle, all_open
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._queued: deque[Received] = deque()  # pipelined behind the current one
        self._current: Exchange | None = None
        self._begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, though no subclass
        self._all_open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request in progress that its client is gone."""
        self._transport = None
        self._queued.clear()
        self._all_open.discard(self)
        current, self._current = self._current, None
        if current is not None and current.gone is not None:
            current.gone()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.write(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n")
            self.write(b"content-length: 30\r\n\r\nInvalid HTTP request received.")
            self.close()

    def write(self, data: bytes) -> None:
        """Send bytes, if anybody is there to take them."""
        if self._transport is not None and data:
            self._transport.write(data)

    def close(self) -> None:
        """Close once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def finished(self, exchange: Exchange) -> None:
        """Go on to the next request once one is answered."""
        self._current = None
        if not exchange.request.keep_alive:
            self.close()
        elif self._queued and self._transport is not None:
            self._start(self._queued.popleft())

    # What httptools calls while it parses.

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Let a client go on that asked whether it may."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Start the request, or queue it behind the one in progress."""
        path, _, query = self._url.decode("latin-1").partition("?")
        received = Received(
            method=self._parser.get_method().decode(),
            path=path,
            query=query,
            headers=self._headers,
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
        )
        self._begin()
        if self._current is None:
            self._start(received)
        else:
            self._queued.append(received)

    def _begin(self) -> None:
        self._url, self._headers, self._body = b"", dict[str, str](), list[bytes]()

    def _start(self, received: Received) -> None:
        self._current = Exchange(self, received)
        self._handle(self._current)


_dates = {0: b""}


def today() -> bytes:
    """The date header, made once a second."""
    second = int(time())
    if second not in _dates:
        _dates.clear()
        _dates[second] = b"date: " + formatdate(second, usegmt=True).encode()
    return _dates[second]
