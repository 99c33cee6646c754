"""A request that the gateway asks itself: placed, retried and recorded like a client's, its reply gathered whole."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from router.counting import count_apart
from router.gateway.body import Limits
from router.gateway.client import Client
from router.gateway.exchange import Exchange
from router.gateway.framing import CHUNKED, UNTIL_CLOSE, BadFraming, Chunks, dechunk, reply_head
from router.refusals import error_body, reply
from weir.tokenizer import Tokenizer

if TYPE_CHECKING:
    from router.gateway.server import Gateway

MOST_GATHERED = 16 << 20  # bytes of one reply
BROKEN = 502  # the status of a reply that is not whole
OWN = Limits(1 << 31, 1 << 31)  # what a rule asks for is bounded by that, and what a client does was when it came


class Whole:
    """A reply as it came; `head` as it would have gone to a client, without the empty line."""

    __slots__ = ("body", "head", "status")

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        self.status, self.head, self.body = status, head, body

    def line(self, name: bytes) -> bytes:
        """One line of the head with its end; empty where there is none."""
        at = self.head.lower().find(b"\r\n%b:" % name)
        return self.head[at + 2 :].partition(b"\r\n")[0] + b"\r\n" if at >= 0 else b""

    def relayed(self, lines: bytes) -> bytes:
        """The same for a client, these lines in its head; a reply that is not whole is told as that."""
        if self.body:
            return reply(self.status, self.body, extra=lines)
        return reply(BROKEN, error_body("The replica's answer broke off; try again.", "upstream_error"), extra=lines)


NONE = Whole(BROKEN, b"", b"")


class Gathered:
    """What stands where a client's connection would: bytes come and are kept."""

    __slots__ = ("_broken", "_size", "data")

    def __init__(self, broken: Callable[[], None]) -> None:
        self.data: list[bytes] = []
        self._size = 0
        self._broken = broken

    def write(self, data: bytes) -> None:
        """Some of the reply; one that is too long is as good as broken."""
        self._size += len(data)
        if self._size > MOST_GATHERED:
            self.data.clear()
            self._broken()
        else:
            self.data.append(data)

    def abort(self) -> None:
        """The reply broke off."""
        self._broken()


class Aside(Client):
    """The gateway as its own client; `then` is called once, with the reply, unless it is cancelled before."""

    __slots__ = ("_gathered", "_then", "_timer")

    def __init__(self, gateway: "Gateway", then: Callable[[Whole], None]) -> None:
        super().__init__(gateway)
        self._gathered, self._then = Gathered(self._give_up), then
        self._timer: asyncio.TimerHandle | None = None
        self.transport = cast("asyncio.Transport", self._gathered)

    def begin(self, exchange: Exchange, within_s: float, slow: Tokenizer | None) -> None:
        """Send a request whose order is made; without a reply in so many seconds it is given up.

        `slow` is the vocabulary that is to count its tokens off the loop first, if any.
        """
        self.exchange = exchange
        self._timer = asyncio.get_running_loop().call_later(within_s, self._give_up)
        if slow is None:
            exchange.dispatch()
            return

        def go_on() -> None:
            if not exchange.ended:
                exchange.dispatch()

        count_apart(exchange.order, self.gateway.core.models[exchange.order.model], slow, go_on)

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        exchange, self.exchange = self.exchange, None
        self._stop()
        if exchange is not None and not exchange.ended:
            exchange.cancel()

    def next(self, close: bool) -> None:
        """The reply is there."""
        self._told(whole(b"".join(self._gathered.data)))

    def end(self) -> None:
        """The reply broke off."""
        self._told(NONE)

    def _told(self, reply: Whole) -> None:
        if self.exchange is not None:
            self._stop()
            self.exchange = None
            self._then(reply)

    def _give_up(self) -> None:
        """Nothing more of it is waited for."""
        if self.exchange is not None and not self.exchange.ended:
            self.exchange.cancel()
        self.end()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def whole(data: bytes) -> Whole:
    """A reply from its bytes; one that cannot be read is a broken one."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or len(data) > MOST_GATHERED:
        return NONE
    try:
        head, body = reply_head(data[:end]), data[end + 4 :]
        if head.length == CHUNKED:
            chunks = Chunks()
            if chunks.feed(body) != len(body) or not chunks.over:
                return NONE
            body = dechunk(body)
        elif head.length != UNTIL_CLOSE and len(body) != head.length:
            return NONE
    except (BadFraming, ValueError):
        return NONE
    return Whole(head.status, head.raw, body)


def leg(beside: Exchange, body: bytes, name: str, aside: Aside) -> tuple[Exchange, Tokenizer | None]:
    """A body to be asked aside, with the path and headers of the request that it is asked for, and the vocabulary that
    is to count its tokens off the loop, if any; raises `BadRequest`.
    """
    order, slow = beside.gateway.read(f"{beside.order.id}.{name}", beside.head, body, OWN)
    made = Exchange(beside.gateway, aside, beside.head, body, order)
    made.forward, made.deadline = beside.forward, beside.deadline
    return made, slow
