"""One emulated replica on its port: alive, dead for a while, alive again."""

import asyncio
from dataclasses import dataclass, replace

from sims.emulator.clock import Clock
from sims.emulator.connection import Connection
from sims.emulator.driver import Driver
from sims.emulator.handover import Wire
from sims.emulator.publisher import Publisher
from sims.emulator.replica import EmulatedReplica
from sims.emulator.routes import Routes

RETRY_S = 1.0
"""Between attempts to come back to life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a replica can be reached."""

    name: str
    address: str  # host:port
    events: str | None = None
    replay: str | None = None


class Host:
    """Everything of one replica that has to be started and stopped."""

    def __init__(self, spec: EmulatedReplica, clock: Clock, interval: int, chaos: bool, wire: Wire) -> None:
        self._wire = wire
        self._spec, self._clock, self._interval, self._chaos = spec, clock, interval, chaos
        self._server: asyncio.Server | None = None
        self._driver: Driver | None = None
        self._routes: Routes | None = None
        self._open: set[Connection] = set()
        self._revival: asyncio.TimerHandle | None = None
        self._reviving: asyncio.Task[None] | None = None

    async def start(self) -> Listening:
        """Listen; ports that were 0 keep the ones they got, also after a death. Raises OSError for a taken port."""
        spec = self._spec
        server = await self._listen()  # no connection is made before this coroutine next waits
        host, port = server.sockets[0].getsockname()[:2]
        try:
            publisher = self._publisher(f"{host}:{port}")
        except OSError:
            server.close()
            raise
        self._server, self._driver = server, Driver(spec, self._clock, self._interval, publisher)
        self._routes = Routes(replace(spec, port=port), self._driver, self._wire, self._die if self._chaos else None)
        events = publisher.endpoint if publisher is not None else None
        replay = publisher.replay_endpoint if publisher is not None else None
        self._spec = replace(spec, port=port, events_port=_port(events), replay_port=_port(replay))
        return Listening(name=spec.name, address=f"{host}:{port}", events=events, replay=replay)

    def stop(self) -> None:
        """Drop every connection and stop listening."""
        for task in (self._revival, self._reviving):
            if task is not None:
                task.cancel()
        self._end()

    async def _listen(self) -> asyncio.Server:
        spec = self._spec
        return await self._clock.loop.create_server(self._connection, spec.host, spec.port, backlog=1024)

    def _connection(self) -> Connection:
        assert self._routes is not None
        return Connection(self._routes.handle, self._open)

    def _publisher(self, address: str) -> Publisher | None:
        spec = self._spec
        if spec.events_port is None:
            return None
        topic = f"kv@{address}@{spec.model}"
        return Publisher(self._clock.loop, topic, spec.host, spec.events_port, spec.replay_port)

    def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._driver is not None:
            self._driver.stop()
        self._server = self._driver = None
        for connection in tuple(self._open):
            connection.abort()

    def _die(self, seconds: float) -> None:
        """Be gone for that many wall seconds; what was cached and counted is lost."""
        self._end()
        self._revival = self._clock.loop.call_later(seconds, self._revive)

    def _revive(self) -> None:
        self._reviving = self._clock.loop.create_task(self._restart())

    async def _restart(self) -> None:
        try:
            await self.start()
        except OSError:  # somebody holds one of the ports
            self._revival = self._clock.loop.call_later(RETRY_S, self._revive)


def _port(endpoint: str | None) -> int | None:
    return int(endpoint.rpartition(":")[2]) if endpoint else None
