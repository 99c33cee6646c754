"""One connection to the API: a request out, an answer in, then the next."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from sims.load.flight import Flight

NO_REPLY = "the connection was closed before the reply"


class Connection(asyncio.Protocol):
    """An HTTP/1.1 client connection; `on_end(connection, flight)` hears when a flight is over."""

    def __init__(self, now: Callable[[], float], on_end: Callable[["Connection", Flight], None]) -> None:
        self._now, self._on_end = now, on_end
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._flight: Flight | None = None
        self._heard = 0.0
        self.answered = 0  # replies so far

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self._transport is not None and not self._transport.is_closing() and self._flight is None

    def send(self, flight: Flight) -> None:
        """Send a request; the connection must be usable."""
        assert self._transport is not None
        self._flight = flight
        self._transport.write(flight.message)

    def abandon(self) -> None:
        """Close at once; a flight under way stays as it is."""
        self._flight = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        """Bytes of the reply."""
        self._heard = self._now()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"the reply is not HTTP: {error}")
            self.abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        flight = self._flight
        if flight is None:
            return
        early = flight.status == 0
        self._end(NO_REPLY if early else f"the connection was lost after {flight.answer.events} tokens")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if len(name) == 14 and name.lower() == b"x-weir-replica" and self._flight is not None:
            self._flight.replica = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        if self._flight is not None:
            self._flight.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self._flight is not None:
            self._flight.answer.feed(data, self._heard)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._flight is None:
            return
        self._flight.conclude(self._heard)
        self.answered += 1
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        self._end(self._flight.error)

    def _end(self, error: str) -> None:
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.error = error
            self._on_end(self, flight)
