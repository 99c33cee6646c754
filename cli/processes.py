"""Child processes under supervision: started, awaited until ready, watched, stopped; none outlives its parent."""

import asyncio
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from cli.kin import Processor, descendants, kill, processor

LOOK_S = 0.05  # between looks at whether a child lives
LAST_LINES = 12

Tell = Callable[[str, str], None]
"""Hears (child's name, line of its stderr)."""


class Died(RuntimeError):
    """A child ended that should have run; the message has its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and how to know that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[list[str]], bool]  # whether these lines of its stdout say so
    ready_s: float = 60.0
    grace_s: float = 10.0  # from the request to stop until it is killed
    env: Mapping[str, str] = field(default_factory=dict)


class Child:
    """One running program; its output is read as it comes, so that it never blocks."""

    def __init__(self, program: Program, tell: Tell) -> None:
        self.program, self._tell = program, tell
        self.lines: list[str] = []  # of stdout, until it was ready
        self.is_ready = False
        self.is_stopping = False
        self._last: deque[str] = deque(maxlen=LAST_LINES)  # of stderr
        self._rest: dict[int, bytes] = {}
        leash = [sys.executable, "-P", "-m", "cli.leash", str(os.getpid())]
        self.process = subprocess.Popen(
            [*leash, *program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment(program.env),
        )
        for stream, take in ((self.process.stdout, self._said), (self.process.stderr, self._complained)):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
            asyncio.get_running_loop().add_reader(stream.fileno(), self._read, stream, take)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def death(self) -> Died:
        """How it ended, in words."""
        for stream, take in ((self.process.stdout, self._said), (self.process.stderr, self._complained)):
            if stream is not None and not stream.closed:
                self._read(stream, take)
        status = self.process.returncode
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        last = "".join(f"\n  {line}" for line in self._last)
        return Died(f"the {self.program.name} {how}{'; its last words:' if last else ''}{last}")

    async def stop(self) -> None:
        """Ask it to end, wait as long as it may take, then kill it and all that it started."""
        self.is_stopping = True
        family = descendants(self.process.pid)
        if not self.ended:
            self.process.terminate()
            await self._gone(self.program.grace_s)
        self.kill(family)
        await self._gone(self.program.grace_s)
        self._close()

    def kill(self, family: Sequence[int] = ()) -> None:
        """End it and what it started at once."""
        kill([*descendants(self.process.pid), *family])
        if not self.ended:
            self.process.kill()

    async def _gone(self, patience_s: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s
        while not self.ended and loop.time() < until:  # noqa: ASYNC110 (a process ends without an event)
            await asyncio.sleep(LOOK_S)

    def _close(self) -> None:
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed:
                asyncio.get_running_loop().remove_reader(stream.fileno())
                stream.close()

    def _read(self, stream: IO[bytes], take: Callable[[str], None]) -> None:
        try:
            data = os.read(stream.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(stream.fileno())
        *whole, rest = (self._rest.get(stream.fileno(), b"") + data).split(b"\n")
        self._rest[stream.fileno()] = rest
        for line in whole:
            take(line.decode(errors="replace"))

    def _said(self, line: str) -> None:
        if not self.is_ready:
            self.lines.append(line)
            self.is_ready = self.program.ready(self.lines)

    def _complained(self, line: str) -> None:
        self._last.append(line)
        self._tell(self.program.name, line)


class Children:
    """All children of one command; leaving the block stops them, the last one started first."""

    def __init__(self, tell: Tell = lambda name, line: None) -> None:
        self._tell = tell
        self._children: list[Child] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop them all; being interrupted again meanwhile means: at once."""
        stopping = asyncio.ensure_future(self._stop_all())
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                for child in self._children:
                    child.kill()

    async def start(self, program: Program) -> list[str]:
        """Start a program and wait until it is ready; what it said by then. Raises `Died`."""
        child = Child(program, self._tell)
        self._children.append(child)
        loop = asyncio.get_running_loop()
        until = loop.time() + program.ready_s
        while not child.is_ready:
            self.check()
            if loop.time() > until:
                raise Died(f"the {program.name} was not ready within {program.ready_s:g} s")
            await asyncio.sleep(LOOK_S)
        return child.lines

    async def stop(self, name: str) -> None:
        """Stop the child of that name, if there is one."""
        for child in [child for child in self._children if child.program.name == name]:
            await child.stop()
            self._children.remove(child)

    def processor(self) -> dict[str, Processor]:
        """Processor time of each child so far, with what it started."""
        return {child.program.name: processor(child.process.pid) for child in self._children}

    def check(self) -> None:
        """Raise `Died` when any child has ended."""
        for child in self._children:
            if child.ended and not child.is_stopping:
                raise child.death()

    async def watch(self) -> None:
        """Wait until a child ends: raises `Died`."""
        while True:
            self.check()
            await asyncio.sleep(4 * LOOK_S)

    async def _stop_all(self) -> None:
        while self._children:
            await self._children[-1].stop()
            self._children.pop()


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What children see: this checkout's packages first, and never a module of the folder they are started in."""
    import cli
    import weir

    homes = [str(Path(path).parent) for package in (cli, weir) for path in package.__path__]
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([*homes, inherited] if inherited else homes)
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", **more}
