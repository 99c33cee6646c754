"""Messages between the front process and its workers: four bytes of length, then the message."""

import asyncio
from collections.abc import Callable

MOST = 256 << 20
READY = b"ready"  # what a worker says once it serves
# First bytes of messages that are neither updates of the fleet nor counts: rules; a verdict, for whoever made the
# choice; what became of choices; a canary's stage; turns of sessions; what is remembered of sessions and callers.
RULES, JUDGED, LESSONS, STAGE, TURNS, SESSIONS = b"\0", b"\1", b"\2", b"\3", b"\4", b"\5"
LEARNED = frozenset({LESSONS, STAGE, TURNS})


class Frames(asyncio.Protocol):
    """One end of the pipe; `on_frame` takes each whole message, `on_end` is called once when the other end is gone."""

    def __init__(self, on_frame: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_frame, self._on_end = on_frame, on_end
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe stands."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Bytes of messages."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 4:
            size = int.from_bytes(self._buffer[at : at + 4], "big")
            if len(self._buffer) - at - 4 < size:
                break
            self._on_frame(bytes(self._buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        del self._buffer[:at]

    def connection_lost(self, error: Exception | None) -> None:
        """The other end is gone."""
        self._on_end()

    def send(self, message: bytes) -> None:
        """Send one message, if the other end is still there."""
        if self._transport is not None and not self._transport.is_closing() and len(message) < MOST:
            self._transport.write(len(message).to_bytes(4, "big") + message)

    def close(self) -> None:
        """End the pipe."""
        if self._transport is not None:
            self._transport.close()
