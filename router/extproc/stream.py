"""One gRPC call on a connection: messages put together from DATA frames, answers within the peer's window."""

from typing import TYPE_CHECKING, Final

from router.extproc.frames import be32
from router.extproc.heads import DONE, failed

if TYPE_CHECKING:
    from router.extproc.connection import Connection

INVALID_ARGUMENT: Final = 3
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12


class BadMessage(Exception):
    """A message that ends its call: a gRPC status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Service:
    """Who answers a call."""

    def message(self, data: bytes) -> None:
        """A whole message came; may raise `BadMessage`."""

    def half_closed(self) -> None:
        """The caller will send no more."""

    def cancelled(self) -> None:
        """The caller is gone: nothing that is sent will reach it."""


NOBODY: Final = Service()


def packed(message: bytes) -> bytes:
    """A message as gRPC frames it, uncompressed."""
    return len(message).to_bytes(5, "big") + message


class Stream:
    """One call."""

    __slots__ = (
        "_held", "_most", "_trailers", "_wanted", "connection", "number", "over", "pending", "received", "service",
        "started", "window",
    )  # fmt: skip

    def __init__(self, connection: "Connection", number: int, window: int, most: int) -> None:
        self.connection, self.number, self.window, self._most = connection, number, window, most
        self.service = NOBODY
        self.received = 0  # bytes since the peer was last granted more
        self.started = self.over = False  # whether our headers are out, and our end
        self.pending = bytearray()  # what the peer's window has no room for yet
        self._trailers = b""  # the end, once what is pending is out
        self._held = bytearray()  # the beginning of a message
        self._wanted = 5  # bytes until it says more

    def feed(self, data: bytes) -> None:
        """Bytes of messages; whole ones go to the service. Raises `BadMessage`."""
        at, end = 0, len(data)
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return
            data, at, end = bytes(self._held), 0, len(self._held)
            self._held.clear()
            self._wanted = 5
        while end - at >= 5 and not self.over:
            size = self._size(data, at)
            if end - at - 5 < size:
                self._wanted = size + 5
                break
            self.service.message(data[at + 5 : at + 5 + size])
            at += 5 + size
        if at < end and not self.over:
            self._held += data[at:]

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._held)

    def send(self, framed: bytes) -> None:
        """Send messages that are already framed; the connection's owner flushes."""
        if self.over:
            return
        if not self.started:
            self.connection.start(self)
        if self.pending or not self.connection.data(self, framed):
            self.pending += framed

    def finish(self, status: int = 0, message: str = "") -> None:
        """End the call from our side."""
        if self.over or self._trailers:
            return
        block = DONE if status == 0 and self.started else failed(status, message, started=self.started)
        if self.pending:
            self._trailers = block
        else:
            self.connection.end(self, block)

    def flow(self) -> None:
        """The peer's window grew: send what waits for it."""
        if self.pending:
            room = min(self.window, self.connection.window, len(self.pending))
            if room > 0 and self.connection.data(self, bytes(self.pending[:room])):
                del self.pending[:room]
        if not self.pending and self._trailers:
            self.connection.end(self, self._trailers)

    def _size(self, data: bytes, at: int) -> int:
        if data[at]:
            raise BadMessage(UNIMPLEMENTED, "compressed messages are not read here: send them as they are")
        size = be32(data, at + 1)
        if size > self._most:
            raise BadMessage(RESOURCE_EXHAUSTED, f"a message may have {self._most} bytes, not {size}")
        return size
