"""A way between two processes that can be cut, or go silent: a TCP proxy of one port.

Cut, connections are reset and new ones refused. Held, nothing passes and nothing is said: what was sent comes through
when the link is let go, as after a partition that TCP outlived.
"""

import asyncio
from typing import cast

HOST = "127.0.0.1"
LABEL = 8  # bytes of a connection's beginning that say what it is for


class Link:
    """One port in front of another."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self.crossings: set[Crossing] = set()
        self._server: asyncio.Server | None = None
        self._held: bytes | None = None

    async def open(self) -> None:
        """Take connections, again after a cut."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Crossing(self).near, HOST, self.port, backlog=1024)

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
        self._server, self._held = None, None
        for crossing in tuple(self.crossings):
            crossing.abort()

    def hold(self, only: bytes = b"") -> None:
        """Let nothing pass; of connections that began with `only` alone, where that is given."""
        self._held = only
        self._look()

    def release(self) -> None:
        """Let everything pass, what has waited first."""
        self._held = None
        self._look()

    def holds(self, label: bytes) -> bool:
        """Whether a connection that began so is held."""
        return self._held is not None and label.startswith(self._held)

    def _look(self) -> None:
        for crossing in tuple(self.crossings):
            crossing.look()


class Crossing:
    """One connection through a link: its near end is the caller's, its far end ours to the target."""

    def __init__(self, link: Link) -> None:
        self.link, self.label, self.held = link, b"", False
        self.near, self.far = End(self), End(self)
        self.near.other, self.far.other = self.far, self.near
        self._connecting: asyncio.Task[None] | None = None
        link.crossings.add(self)

    def begin(self) -> None:
        """The caller is there."""
        self.look()
        if self.near.pauses:  # a caller kept waiting reaches nobody
            return
        self._connect()

    def heard(self, data: bytes) -> None:
        """The caller's first bytes tell what the connection is for."""
        if not self.label:
            self.label = data[:LABEL]
            self.look()

    def look(self) -> None:
        """Hold or let go, as the link now says."""
        held = self.link.holds(self.label)
        if held == self.held:
            return
        self.held = held
        for end in (self.near, self.far):
            end.pause(held)
        if not held:
            self.near.flush()
            self.far.flush()
            if self._connecting is None:
                self._connect()

    def abort(self) -> None:
        """Reset both ends."""
        self.link.crossings.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        for end in (self.near, self.far):
            if end.transport is not None:
                end.transport.abort()

    def _connect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._reach())

    async def _reach(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.far, HOST, self.link.target)
        except OSError:
            self.abort()
            return
        self.far.flush()


class End(asyncio.Protocol):
    """One end of a crossing."""

    def __init__(self, crossing: Crossing) -> None:
        self.crossing = crossing
        self.other: End
        self.transport: asyncio.Transport | None = None
        self.pauses = 0  # reasons not to read from here
        self._waiting = bytearray()  # what is to be written here once that is possible

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self.transport = cast("asyncio.Transport", transport)
        if self.pauses:
            self.transport.pause_reading()
        if self is self.crossing.near:
            self.crossing.begin()

    def data_received(self, data: bytes) -> None:
        """Bytes for the other end."""
        if self is self.crossing.near:
            self.crossing.heard(data)
        self.other.write(data)

    def write(self, data: bytes) -> None:
        """Send on, or keep while the link is held or the connection not yet there."""
        if self.transport is None or self.crossing.held:
            self._waiting += data
        elif not self.transport.is_closing():
            self.transport.write(data)

    def flush(self) -> None:
        """Send what was kept."""
        if self._waiting and self.transport is not None and not self.crossing.held:
            data, self._waiting = bytes(self._waiting), bytearray()
            self.write(data)

    def pause(self, on: bool) -> None:
        """One more reason not to read, or one fewer."""
        self.pauses += 1 if on else -1
        if self.transport is None or self.transport.is_closing():
            return
        if on and self.pauses == 1:
            self.transport.pause_reading()
        elif not on and not self.pauses:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """This end takes no more: read no more from the other."""
        self.other.pause(True)

    def resume_writing(self) -> None:
        """It does again."""
        self.other.pause(False)

    def connection_lost(self, error: Exception | None) -> None:
        """Closed in order here is closed in order there; broken here is broken there."""
        self.crossing.link.crossings.discard(self.crossing)
        if error is not None or self.other.transport is None:
            self.crossing.abort()
        else:
            self.other.transport.close()
