"""Connections to replicas: kept alive, one request at a time, the reply passed on as it comes."""

import asyncio
from typing import TYPE_CHECKING, cast

from policies.fleet import Replica
from router.gateway.framing import CHUNKED, BadFraming, Chunks, ReplyHead, reply_head

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange

MOST_HEAD = 64 << 10


class Lane:
    """The way to one replica: where it is, and the connections that wait for work."""

    __slots__ = ("address", "host_line", "idle", "replica", "stamp", "timeout_s")

    def __init__(self, replica: Replica, timeout_s: float) -> None:
        host, _, port = replica.address.rpartition(":")
        self.replica, self.address, self.timeout_s = replica, (host.strip("[]"), int(port)), timeout_s
        self.idle: list[Upstream] = []
        self.host_line = b"host: %b\r\n" % replica.address.encode()
        self.stamp = b"\r\nx-weir-replica: %b\r\nx-request-id: " % replica.name.encode()

    def send(self, exchange: "Exchange") -> None:
        """Put a request on a kept connection, or open one for it."""
        if self.idle:
            self.idle.pop().begin(exchange)
            return
        exchange.connecting = asyncio.get_running_loop().create_task(self._open(exchange))

    def close(self) -> None:
        """Close the idle connections; the busy ones close when they are done."""
        self.address = ("", 0)
        for upstream in self.idle:
            upstream.transport.close()
        self.idle.clear()

    async def _open(self, exchange: "Exchange") -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timeout_s):
                _, protocol = await loop.create_connection(self._fresh, *self.address)
        except (OSError, TimeoutError, UnicodeError):  # the last for a name that no host can have
            exchange.connecting = None
            exchange.unreachable("connect")
            return
        exchange.connecting = None
        cast("Upstream", protocol).begin(exchange)

    def _fresh(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", Upstream(self))


class Upstream:
    """One connection to one replica."""

    __slots__ = ("_chunks", "_clean", "_head", "_left", "_tail", "exchange", "lane", "served", "transport")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.exchange: Exchange | None = None
        self.served = 0  # requests answered over this connection
        self._tail, self._clean = b"", True
        self._left = 0
        self._head: ReplyHead | None = None
        self._chunks: Chunks | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def begin(self, exchange: "Exchange") -> None:
        """Send a request; its reply goes to the exchange's client."""
        self.exchange, self._head = exchange, None
        exchange.upstream = self
        if exchange.client.paused:
            self.transport.pause_reading()
        exchange.write_request(self.transport, self.lane.host_line)

    def data_received(self, data: bytes) -> None:
        """Bytes of a reply."""
        exchange = self.exchange
        if exchange is None:
            if self in self.lane.idle:
                self.lane.idle.remove(self)
            self.transport.abort()  # nobody asked: the connection cannot be trusted
            return
        try:
            if self._head is None:
                self._begin_reply(exchange, data)
            else:
                self._body(exchange, data)
        except BadFraming:
            self._broken("framing")

    def _begin_reply(self, exchange: "Exchange", data: bytes) -> None:
        if self._tail:
            data, self._tail = self._tail + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > MOST_HEAD:
                raise BadFraming("the replica's head is too long")
            self._tail = data
            return
        head, rest = reply_head(data[:end]), data[end + 4 :]
        if head.status < 200:
            if rest:
                self._begin_reply(exchange, rest)
            return
        if (head.status >= 500 and exchange.may_retry()) or exchange.unfit(head):
            self._let_go(exchange)
            self.transport.close()
            exchange.failed(f"status {head.status}")
            return
        self._head, self._left = head, head.length
        self._chunks = Chunks() if head.length == CHUNKED else None
        exchange.reply_begins(head)
        if rest or head.length == 0:
            self._body(exchange, rest)

    def abandon(self) -> None:
        """Break off what it is doing; nobody hears of it."""
        exchange = self.exchange
        if exchange is not None:
            self._let_go(exchange)
        self.transport.abort()

    def _body(self, exchange: "Exchange", data: bytes) -> None:
        chunks, over = self._chunks, False
        if chunks is not None:
            used = chunks.feed(data)
            over = chunks.over
            if used != len(data):
                self._clean, data = False, data[:used]
        elif self._left >= 0:
            if len(data) > self._left:
                self._clean, data = False, data[: self._left]
            self._left -= len(data)
            over = self._left == 0
        exchange.pass_on(data)
        if over and self.exchange is exchange:
            self._complete(exchange)

    def _complete(self, exchange: "Exchange") -> None:
        assert self._head is not None
        self.exchange = exchange.upstream = None
        self.served += 1
        if exchange.client.paused:
            self.transport.resume_reading()
        if self._head.keep and self._clean and self.lane.address[1]:
            self.lane.idle.append(self)
        else:
            self.transport.close()
        exchange.completed(False)

    def _let_go(self, exchange: "Exchange") -> None:
        self.exchange = exchange.upstream = None

    def _broken(self, why: str) -> None:
        exchange = self.exchange
        self.transport.abort()
        if exchange is not None:
            self._let_go(exchange)
            exchange.lost(why, False, False)

    def connection_lost(self, error: Exception | None) -> None:
        """The replica closed it, or it broke."""
        exchange = self.exchange
        if exchange is None:
            if self in self.lane.idle:
                self.lane.idle.remove(self)
            return
        self._let_go(exchange)
        if self._head is not None and self._head.length < CHUNKED and error is None:
            exchange.pass_on(b"")
            exchange.completed(True)
        else:
            whole = self._chunks is not None and self._chunks.between
            exchange.lost("reset", self.served > 0 and self._head is None, whole)

    def eof_received(self) -> bool:
        """Close when the replica closes; from now on it is not to be chosen."""
        if self.exchange is None and self in self.lane.idle:
            self.lane.idle.remove(self)
        return False

    def pause_writing(self) -> None:
        """A request is buffered whole already: nothing to slow down."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""
