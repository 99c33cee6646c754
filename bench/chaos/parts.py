"""The processes of a trial: emulated replicas, Redis, a pool service and two routers, with links between them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic

from bench.chaos.client import Door
from bench.chaos.link import Link
from bench.kill.herd import CONTEXT
from bench.ports import free_ports, open_at
from cli.kin import descendants, kill

READY_S = 120.0
TIME_SCALE = 1.0
REPO = Path(__file__).parents[2]


class NotReady(RuntimeError):
    """A part did not come up; the message has its last words."""


class Part:
    """A process that can be killed, paused and cut off by its links, and started again."""

    def __init__(self, name: str, kind: str, links: Sequence[Link]) -> None:
        self.name, self.kind, self.links = name, kind, links

    @property
    def pids(self) -> list[int]:
        """Its processes, the first one started first."""
        raise NotImplementedError

    def is_reached(self, link: Link) -> bool:
        """Whether a link leads to it, not from it."""
        return True

    def start(self) -> None:
        """Start it anew, on the same ports."""
        raise NotImplementedError

    def listens(self) -> bool:
        """Whether it can be asked."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL: no connection is closed in order, no word is said."""
        kill(self.pids)

    def pause(self, on: bool, pids: Sequence[int]) -> None:
        """SIGSTOP, or SIGCONT."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def end(self) -> None:
        """Leave nothing of it."""
        self.kill()

    async def ready(self) -> None:
        """Wait until it listens; then its links are open. Raises `NotReady`."""
        until = monotonic() + READY_S
        while not self.listens():
            if monotonic() > until:
                raise NotReady(f"{self.name} does not listen")
            await asyncio.sleep(0.02)
        for link in self.links:
            await link.open()


class Replica(Part):
    """An emulated replica in a process of its own, forked from one that has everything loaded."""

    def __init__(self, name: str, fleet: Path, links: Sequence[Link]) -> None:
        super().__init__(name, "replica", links)
        self._fleet = fleet
        self._process: BaseProcess | None = None

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process is not None and self._process.pid else []

    def start(self) -> None:
        if self._process is not None:
            self._process.join()
        self._process = CONTEXT.Process(target=emulate, args=(str(self._fleet),), daemon=True)
        self._process.start()

    def listens(self) -> bool:
        return all(open_at(link.target) for link in self.links[:1])


class Service(Part):
    """A command of its own process group: Redis, the pool service, a router."""

    def __init__(
        self,
        name: str,
        kind: str,
        links: Sequence[Link],
        command: Callable[[], list[str]],
        port: int,
        log: Path,
    ) -> None:
        super().__init__(name, kind, links)
        self._command, self.port, self.log = command, port, log
        self._process: subprocess.Popen[bytes] | None = None
        self._before: list[subprocess.Popen[bytes]] = []
        self._strays: list[int] = []  # processes that finish what they have

    @property
    def pids(self) -> list[int]:
        return family(self._process)

    def start(self) -> None:
        self._strays += self.pids
        self._before += [self._process] if self._process is not None else []
        path = os.pathsep.join([str(REPO), str(REPO / "proto")])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli.leash", str(os.getpid()), *self._command()],
                cwd=REPO,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def listens(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise NotReady(f"{self.name} ended with status {self._process.returncode}:\n{self.last_words()}")
        return open_at(self.port)

    def end(self) -> None:
        kill([*self._strays, *self.pids])
        for process in [*self._before, *([self._process] if self._process is not None else [])]:
            process.wait()

    def last_words(self, lines: int = 8) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Router(Service):
    """A router: a front process and its worker, which clients are connected to."""

    def __init__(self, door: Door, links: Sequence[Link], command: Callable[[int], list[str]], log: Path) -> None:
        super().__init__(door.name, "router", links, self._with_metrics, door.port, log)
        self.door, self.metrics, self._routes = door, 0, command

    def kill(self) -> None:
        self.door.killed_at = monotonic()  # noted before and after: finding all its processes takes a while
        super().kill()
        self.door.killed_at = monotonic()

    def is_reached(self, link: Link) -> bool:
        return False

    def kill_worker(self) -> None:
        """The worker alone: its front starts another one."""
        self.door.killed_at = monotonic()
        kill(self.pids[1:])
        self.door.killed_at = monotonic()

    def kill_front(self) -> None:
        """The front alone: its worker finishes what it has."""
        self.door.stopped_at = monotonic()
        front, *workers = self.pids
        self._strays += workers
        kill([front])

    def stop(self) -> None:
        """SIGTERM, as a deployment does."""
        self.door.stopped_at = monotonic()
        for pid in self.pids[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def vacant(self) -> None:
        """Wait until nobody listens there any more: then another one may be started beside it."""
        until = monotonic() + READY_S
        while open_at(self.port) and monotonic() < until:
            await asyncio.sleep(0.02)
            self.door.stopped_at = monotonic()

    def _with_metrics(self) -> list[str]:
        """One that still drains has its metrics port."""
        self.metrics = free_ports(1)[0]
        return self._routes(self.metrics)


def family(process: "subprocess.Popen[bytes] | None") -> list[int]:
    """A process and all below it, those that live."""
    return [process.pid, *descendants(process.pid)] if process is not None and process.returncode is None else []


def emulate(fleet: str) -> None:
    """What a replica's process does."""
    from sims.emulator.run import run

    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    run(Path(fleet), time_scale=TIME_SCALE, recomputes=True)
