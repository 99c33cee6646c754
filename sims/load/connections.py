"""The keep-alive connections of a replay: one per request under way, made when none is idle."""

import asyncio
from collections.abc import Awaitable, Callable

from sims.load.connection import NO_REPLY, Connection
from sims.load.flight import Flight
from sims.load.target import Target

Dial = Callable[[Callable[[], Connection]], Awaitable[Connection]]


def dialler(target: Target) -> Dial:
    """How connections to a target are made."""

    async def dial(make: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make, target.host, target.port, ssl=target.context())
        return connection

    return dial


class Connections:
    """Sends flights; `on_end(flight)` hears when one is over, whatever became of it."""

    def __init__(self, dial: Dial, clock: Callable[[], float], on_end: Callable[[Flight], None]) -> None:
        self._dial, self._clock, self._on_end = dial, clock, on_end
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._busy: dict[Flight, Connection] = {}
        self._dialling: dict[Flight, asyncio.Task[None]] = {}

    def send(self, flight: Flight) -> None:
        """Send on the connection that was used last, or on a new one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                self._busy[flight] = connection
                connection.send(flight)
                return
        self._dialling[flight] = self._loop.create_task(self._send_on_new(flight))

    def open(self) -> list[Flight]:
        """The flights under way."""
        return [*self._busy, *self._dialling]

    def give_up(self, flight: Flight, error: str) -> None:
        """End a flight under way."""
        task = self._dialling.pop(flight, None)
        if task is not None:
            task.cancel()
        else:
            self._busy.pop(flight).abandon()
        flight.error = error
        self._on_end(flight)

    async def close(self) -> None:
        """Close every connection; flights under way are dropped without a word."""
        tasks = list(self._dialling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in [*self._idle, *self._busy.values()]:
            connection.abandon()
        self._idle.clear()
        self._busy.clear()
        await asyncio.sleep(0)  # transports close on the loop's next turn

    async def _send_on_new(self, flight: Flight) -> None:
        try:
            connection = await self._dial(lambda: Connection(self._clock, self._ended))
        except (OSError, UnicodeError) as error:  # the latter from host names that are none
            del self._dialling[flight]
            flight.error = f"cannot connect: {error}"
            self._on_end(flight)
            return
        del self._dialling[flight]
        self._busy[flight] = connection
        connection.send(flight)

    def _ended(self, connection: Connection, flight: Flight) -> None:
        del self._busy[flight]
        if flight.error == NO_REPLY and connection.answered and not flight.retried:
            # the server closed an idle connection just as we used it: nothing was served, so ask again on a new one
            flight.retried, flight.error = True, ""
            self._dialling[flight] = self._loop.create_task(self._send_on_new(flight))
            return
        if connection.usable:
            self._idle.append(connection)
        self._on_end(flight)
