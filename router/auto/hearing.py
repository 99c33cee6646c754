"""Replies as they pass: several may hear one, and a whole one is told apart from its framing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from router.gateway.framing import CHUNKED, BadFraming, dechunk

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange
    from router.gateway.through import Through

MOST_HEARD = 1 << 20  # bytes of one reply that are remembered; of a longer one nothing is


class Several:
    """Listeners one behind another: each hears what those before it let through."""

    def __init__(self, listeners: Sequence["Through"]) -> None:
        self._listeners = listeners

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the body; returns those that go to the client."""
        for one in self._listeners:
            data = one.feed(data)
        return data

    def over(self, exchange: "Exchange", whole: bool) -> None:
        """Nothing more comes."""
        for one in self._listeners:
            one.over(exchange, whole)


def listen(exchange: "Exchange", listener: "Through") -> None:
    """Have a listener hear the reply, behind those that do already."""
    before = exchange.through
    exchange.through = listener if before is None else Several((before, listener))


class Gathering:
    """Remembers a reply's bytes as they pass."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the body, passed on as they are."""
        self._size += len(data)
        if self._size <= MOST_HEARD:
            self._data.append(data)
        else:
            self._data.clear()
        return data

    def content(self, exchange: "Exchange") -> bytes:
        """The body of a reply that was whole; nothing of one that was too long or is framed wrongly."""
        data = b"".join(self._data)
        if exchange.reply is None or exchange.reply.length != CHUNKED or not data:
            return data
        try:
            return dechunk(data)
        except (BadFraming, ValueError):
            return b""
