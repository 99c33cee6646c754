"""Keeps the classifier's process running: started with the router, started again whenever it dies."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from router.classify.queued import MOST_BATCH

RESTART_S = (0.1, 0.5, 2.0, 10.0)
STEADY_S = 10.0  # a process that lived so long may be restarted at once
GRACE_S = 3.0  # from being asked to end to being ended
LEAN = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
LOADS = "router.classify.load:load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How the process is started."""

    socket: str  # path at which it listens
    models: str = ""  # folder of trained heads; empty: the packaged ones
    loads: str = LOADS  # module:function that loads them
    batch: int = MOST_BATCH

    def command(self) -> list[str]:
        """The command line."""
        words = [self.socket, self.loads, self.models, str(self.batch)]
        return [sys.executable, "-m", "router.classify.worker", *words]


class Keeper:
    """One process, kept."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.starts = 0
        self.process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Start it again and again, until cancelled; then it is ended too."""
        loop, failures = asyncio.get_running_loop(), 0
        try:
            while True:
                begun = loop.time()
                self.starts += 1
                self.process = await asyncio.create_subprocess_exec(
                    *self._kept.command(), env={**os.environ, **LEAN}, stdout=asyncio.subprocess.DEVNULL
                )
                status = await self.process.wait()
                failures = 0 if loop.time() - begun > STEADY_S else failures + 1
                print(f"the classifier ended with status {status}; starting it again", file=sys.stderr)  # noqa: T201
                await asyncio.sleep(RESTART_S[min(failures, len(RESTART_S) - 1)])
        finally:
            if self.process is not None and self.process.returncode is None:
                await _end(self.process)
            self._forget()

    def _forget(self) -> None:
        Path(self._kept.socket).unlink(missing_ok=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and see that it does."""
    process.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
