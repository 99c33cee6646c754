"""A client's connection: requests read off it one after another, each answered before the next is begun."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from router.gateway import head as heads
from router.gateway.framing import LONGEST_REMEMBERED, MOST_REMEMBERED, BadFraming, Chunks, dechunk
from router.gateway.head import BadHead, Head
from router.refusals import error_body, reply

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange
    from router.gateway.server import Gateway

MOST_PIPELINED = 1 << 20
MOST_DISCARDED = 4 << 20
LINGER_S = 2.0
TLS = 0x16  # the first byte of its greeting, whose end nobody would recognise here

_known: dict[bytes, Head] = {}


def parsed(raw: bytes) -> Head:
    """`head.parse`, remembered: a client's heads are mostly alike."""
    found = _known.get(raw)
    if found is None:
        found = heads.parse(raw)
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        if not found.request_id and len(raw) <= LONGEST_REMEMBERED:
            _known[raw] = found
    return found


class Client:
    """One connection from a client."""

    __slots__ = (
        "_body",
        "_chunks",
        "_discarded",
        "_head",
        "_missing",
        "_partial",
        "_pending",
        "exchange",
        "gateway",
        "gone",
        "paused",
        "since",
        "transport",
    )

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self.exchange: Exchange | None = None
        self.gone = self.paused = self._partial = False
        self._discarded = 0
        self.since = monotonic()  # when what it now waits for began
        self._pending = b""  # bytes not yet understood
        self._head: Head | None = None  # a head whose body is still coming
        self._body = bytearray()
        self._missing = 0
        self._chunks: Chunks | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.gateway.clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone; what it asked for is cancelled."""
        self.gone = True
        self.gateway.clients.discard(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None and not exchange.ended:
            exchange.cancel()

    def eof_received(self) -> bool:
        """A client that closes its side is gone; the connection closes, and what it asked for is cancelled."""
        return False

    def pause_writing(self) -> None:
        """The client reads too slowly: stop reading from the replica."""
        self.paused = True
        if self.exchange is not None and self.exchange.upstream is not None:
            self.exchange.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client caught up."""
        self.paused = False
        if self.exchange is None:
            self._go_on()
        elif self.exchange.upstream is not None:
            self.exchange.upstream.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, of its body, or of the request after the one being served."""
        if self.gone:
            self._discard(data)
            return
        if self.exchange is not None or self.paused:
            self._pending += data
            if len(self._pending) > MOST_PIPELINED:
                self.transport.pause_reading()
            return
        try:
            if self._head is not None:
                data = self._more_body(data)
            elif self._pending:
                data, self._pending = self._pending + data, b""
            self._read(data)
        except BadHead as bad:
            self._reject(bad.status, bad.message)
        except BadFraming as odd:  # another name than above: compiled, a name has one type
            self._reject(400, f"The body's chunks are malformed: {odd}.")

    def answer(self, whole: bytes, keep: bool) -> None:
        """Answer the request at hand with a reply of the gateway's own."""
        if not self.gone:
            self.transport.write(whole)
        self.next(not keep)

    def next(self, close: bool) -> None:
        """The request at hand is answered; go on to what the client sent meanwhile."""
        self.exchange = None
        if self.gone:
            return
        if close or self.gateway.draining:
            self.end()
            return
        self.since = monotonic()
        if self._pending and not self.paused:
            self._go_on()

    def _go_on(self) -> None:
        """Read on in what the client sent while it was being answered."""
        if self._pending and not self.gone:
            data, self._pending = self._pending, b""
            self.transport.resume_reading()
            self.data_received(data)

    def overdue(self, now: float) -> bool:
        """Whether it has kept us waiting for a head, a body or a next request beyond the limit."""
        settings = self.gateway.settings
        if self.gone:
            return now - self.since > LINGER_S
        if self._head is not None:
            return now - self.since > settings.body_timeout_s
        if self._partial:
            return now - self.since > settings.head_timeout_s
        return now - self.since > settings.idle_timeout_s

    def time_out(self) -> None:
        """Tell it so, where it had begun to ask, and close."""
        if self.gone:
            self.transport.abort()
        elif self._head is not None or self._partial:
            self._reject(408, "The request took too long to arrive.")
        else:
            self.end()

    def _read(self, data: bytes) -> None:
        while data and self.exchange is None and not self.gone:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > self.gateway.settings.max_head_bytes:
                self._partial_head(data)
                return
            head, start, self._partial = parsed(data[:end]), end + 4, False
            if head.length > self.gateway.settings.max_body_bytes:
                raise BadHead(
                    413, f"The body may have {self.gateway.settings.max_body_bytes} bytes, not {head.length}."
                )
            if head.length < 0 or len(data) - start < head.length:
                data = self._begin_body(head, data[start:])
            else:
                self.gateway.request(self, head, data[start : start + head.length])
                data = data[start + head.length :]
        self._pending = data

    def _partial_head(self, data: bytes) -> None:
        if len(data) > self.gateway.settings.max_head_bytes:
            raise BadHead(431, f"The headers are longer than {self.gateway.settings.max_head_bytes} bytes.")
        if data[0] == TLS:
            raise BadHead(400, "TLS is not spoken here; ask http://, or put what ends TLS in front.")
        if not self._partial:
            self._partial, self.since = True, monotonic()
        self._pending = data

    def _begin_body(self, head: Head, data: bytes) -> bytes:
        self._head, self._missing, self.since = head, head.length, monotonic()
        self._chunks = Chunks() if head.length < 0 else None
        if head.expects and not data:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self._more_body(data) if data else b""

    def _more_body(self, data: bytes) -> bytes:
        """Take what belongs to the body at hand, serve it when it is whole, and return the rest."""
        head, chunks = self._head, self._chunks
        assert head is not None
        used = min(self._missing, len(data)) if chunks is None else chunks.feed(data)
        self._body += data[:used]
        self._missing -= used
        if len(self._body) > self.gateway.settings.max_body_bytes:
            raise BadHead(413, f"The body may have {self.gateway.settings.max_body_bytes} bytes.")
        if not (self._missing == 0 if chunks is None else chunks.over):
            return b""
        body = bytes(self._body) if chunks is None else dechunk(bytes(self._body))
        self._head, self._chunks, self._body = None, None, bytearray()
        self.gateway.request(self, head, body)
        return data[used:]

    def _reject(self, status: int, message: str) -> None:
        """A request that cannot be understood ends the connection: where the next one begins is unknown."""
        self._head, self._pending = None, b""
        self.gateway.core.metrics.refused(f"http-{status}")
        self.transport.write(reply(status, error_body(message, "invalid_request_error"), close=True))
        self.gone, self.since = True, monotonic()
        # Closing while the client still sends would reset the connection, and it might never read why.
        self.transport.write_eof()

    def end(self) -> None:
        """Close the connection; nothing that still arrives on it is read. A client that reads no more is cut off."""
        self.gone, self.since = True, monotonic()
        self.transport.close()

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > MOST_DISCARDED:
            self.transport.abort()
