"""The front process: starts the workers, brings them the fleet, gathers their counts, answers gRPC."""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from policies.native import library
from router import compiled
from router.complaints import Complaints
from router.counts import Snapshot
from router.exposition import Exposition
from router.feed import Feed, FileFeed, PoolFeed
from router.frames import JUDGED, LEARNED, READY, SESSIONS, Frames
from router.peers import Peers, create
from router.settings import TOLD, Settings
from router.telling import Teller
from weir.stopping import gone, told_to_stop
from weir.supervise import supervised

if TYPE_CHECKING:
    from router.auto.ruling import Ruling

# A worker has one thread: more memory arenas or arithmetic threads would only take memory.
LEAN = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "1048576"}
BESIDE = 2  # parts of the shared memory behind the workers': the core that answers Route, and routers elsewhere
RESTART_S = (0.0, 0.2, 1.0, 5.0)
REMEMBERED = 20_000  # the newest of what workers remember of sessions: a worker that starts is told them
STEADY_S = 10.0  # a worker that lived so long may be restarted at once


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontSettings:
    """What the front process itself needs."""

    router: Settings
    fleet: Path | None = None  # a fleet file, where there is no pool service
    pool: str = ""  # host:port of the pool service
    tell: str = ""  # host:port, comma-separated: every address is a pool service told of demand; `pool` when empty
    grpc: str = ""  # host:port to answer Route on; empty: not answered
    metrics_port: int | None = None  # None: metrics are not served
    metrics_host: str = ""  # the router's own when empty
    name: str = "router"
    rules: Path | None = None  # what is done with requests for "auto"
    heads: str = ""  # folder of trained heads; empty: the packaged ones
    redis: str = ""  # URL of the registry through which routers see each other; empty: there is none


class Front:
    """Supervises the workers of one port."""

    def __init__(self, settings: FrontSettings, *, on_ready: Callable[[], None]) -> None:
        self.settings, self._on_ready = settings, on_ready
        self._ruling = _ruling(settings)
        if self._ruling is not None:
            self.settings = replace(settings, router=replace(
                settings.router, classifier=self._ruling.socket, decision_key=token_hex(16)))  # fmt: skip
        self._live: dict[int, Frames] = {}
        self._complaints = Complaints()
        self.exposition = Exposition()
        if self._ruling is not None:
            self.exposition.registry.register(self._ruling)
        self._built: dict[str, str] = {}  # what a worker is told of what is compiled
        self._awaited = set(range(settings.router.workers))  # those that have not served yet
        telling = settings.tell or settings.pool
        self._teller = Teller(telling, self.exposition.snapshots) if telling else None
        self._shared = create(settings.router.workers, BESIDE if settings.redis or settings.grpc else 0)
        self._peers = Peers(self._shared, settings.router.workers, -1)
        self._remembered = deque[bytes](maxlen=REMEMBERED)
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal; every worker drains first."""
        with told_to_stop(self.stop.set):
            await self._run()

    async def _run(self) -> None:
        try:
            self._built = {library.BUILT: str(await asyncio.to_thread(library.ensure_built))}
        except RuntimeError:
            if self.stop.is_set():  # who interrupts this process interrupts the compiler with it
                return
            raise
        if why := await asyncio.to_thread(compiled.ensure):
            print(f"the gateway runs interpreted: {why}", file=sys.stderr)  # noqa: T201
        else:
            self._built[compiled.BUILT] = str(compiled.folder())
        if self.settings.metrics_port is not None:
            self.exposition.serve(self.settings.metrics_host or self.settings.router.host, self.settings.metrics_port)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(supervised(f"keeping worker {i}", partial(self._keep, i)))
                     for i in range(self.settings.router.workers)]  # fmt: skip
            behind = self._services(group, tasks)
            if self._ruling is not None:
                behind.append(group.create_task(self._ruling.run(self._tell_all)))
            await self.stop.wait()
            await asyncio.wait(tasks, timeout=self.settings.router.drain_s + 5.0)
            if self._teller is not None:
                await self._teller.tell()  # what ended last, and that nobody waits here any more
            await gone((*tasks, *behind))
        self.exposition.close()

    def _services(self, group: asyncio.TaskGroup, tasks: list[asyncio.Task[None]]) -> list[asyncio.Task[None]]:
        """Start what was asked for beside the workers, loading it only then; returns what no shutdown waits for."""
        registry = None
        if self.settings.redis:
            from router.registry import Registry

            registry = Registry(self.settings.redis, self._peers, self.exposition)
        if self.settings.grpc:
            from router.rpc import Rpc

            own = Peers(self._shared, self.settings.router.workers, self.settings.router.workers)
            rpc = Rpc(self.settings.router, self.exposition, own, registry.sessions if registry else None)
            tasks.append(group.create_task(rpc.run(self.settings.grpc, self._feed("rpc"), self.stop)))
        behind = dict(registry.loops()) if registry else {}
        if self._teller is not None:
            behind["telling of demand"] = self._teller.run
        return [group.create_task(supervised(what, run)) for what, run in behind.items()]

    def _feed(self, who: str) -> Feed:
        if self.settings.pool:
            name = f"{self.settings.name}/{who}"
            return PoolFeed(self.settings.pool, name, self.exposition.pool_is, self._complaints)
        assert self.settings.fleet is not None
        return FileFeed(self.settings.fleet)

    async def _keep(self, index: int) -> None:
        """One worker, started again when it dies."""
        failures = 0
        loop = asyncio.get_running_loop()
        while not self.stop.is_set():
            started = loop.time()
            status = await self._worker(index)
            if self.stop.is_set():
                return
            failures = 0 if loop.time() - started > STEADY_S else failures + 1
            print(f"worker {index} ended with status {status}; starting it again", file=sys.stderr)  # noqa: T201
            await asyncio.sleep(RESTART_S[min(failures, len(RESTART_S) - 1)])

    async def _begin(self, index: int) -> tuple[asyncio.subprocess.Process, socket.socket]:
        """A worker's process, and our end of the pipe to it; raises `OSError`."""
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-m", "router.hot", str(theirs.fileno()), str(self._shared), str(index)]
        settings = msgspec.json.encode(self.settings.router).decode()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    pass_fds=[theirs.fileno(), self._shared],
                    env={**os.environ, **LEAN, **self._built, TOLD: settings},
                )
            except OSError:
                ours.close()
                raise
        return process, ours

    async def _worker(self, index: int) -> int:
        process, ours = await self._begin(index)
        loop = asyncio.get_running_loop()
        frames = Frames(lambda message: self._told(index, message), lambda: None)
        await loop.create_connection(lambda: frames, sock=ours)
        if self._ruling is not None:
            for message in (*self._ruling.messages(), *self._remembered):
                frames.send(message)
        self._live[index] = frames
        feeding = loop.create_task(supervised(f"the feed of worker {index}", partial(self._bring, index, frames)))
        stopping = loop.create_task(self.stop.wait())
        ended = loop.create_task(process.wait())
        try:
            await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.terminate()
            return await ended
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            del self._live[index]
            self.exposition.ended(index)
            self._peers.clear(index)
            for task in (feeding, stopping):
                task.cancel()
            frames.close()

    async def _bring(self, index: int, frames: Frames) -> None:
        async for update in self._feed(f"worker-{index}").updates():
            frames.send(update)

    def _tell_all(self, message: bytes, but: int = -1) -> None:
        for index, frames in self._live.items():
            if index != but:
                frames.send(message)

    def _told(self, index: int, message: bytes) -> None:
        if message[:1] == JUDGED or message[:1] in LEARNED:
            self._tell_all(message, index)
            for more in self._ruling.heard(message) if self._ruling is not None else ():
                self._tell_all(more)
            return
        if message[:1] == SESSIONS:
            self._remembered.append(message)
            self._tell_all(message, index)
            return
        if message == READY:
            if index in self._awaited:
                self._awaited.remove(index)
                if not self._awaited:
                    self._on_ready()
            return
        self.exposition.told(index, msgspec.msgpack.decode(message, type=Snapshot))


def _ruling(settings: FrontSettings) -> "Ruling | None":
    """The rules, where there are some; raises `BadFile`."""
    if settings.rules is None:
        return None
    from router.auto.ruling import Ruling

    return Ruling(settings.rules, settings.fleet, settings.heads)


def run(settings: FrontSettings, on_ready: Callable[[], None]) -> None:
    """Run a router until SIGTERM or SIGINT."""
    asyncio.run(Front(settings, on_ready=on_ready).run())
