"""One vLLM engine: its ports, how it is started, how it ends."""

import os
import signal
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines.launch import EngineDied, Launcher, last_words
from cli.kin import descendants, kill

HOST = "127.0.0.1"
GONE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What one engine listens on."""

    http: int
    events: int
    replay: int
    side: int  # where NIXL's peers ask for its memory


@dataclass(slots=True, kw_only=True)
class Engine:
    """One engine, alive or not; started again it listens on the same ports."""

    name: str
    ports: Ports
    options: list[str]  # of `vllm serve`, where it listens apart
    log: Path
    launcher: Launcher
    pid: int = 0  # 0 before it was started
    family: list[int] = field(default_factory=list)  # the processes below it, as last seen

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.ports.http}"

    @property
    def url(self) -> str:
        """Where clients reach it, as a URL."""
        return f"http://{self.address}"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return bool(self.pid) and runs(self.pid)

    def start(self) -> None:
        """Start it; whether it answers is another question."""
        side = {"VLLM_NIXL_SIDE_CHANNEL_HOST": HOST, "VLLM_NIXL_SIDE_CHANNEL_PORT": str(self.ports.side)}
        listening = ["--host", HOST, "--port", str(self.ports.http)]
        self.pid = self.launcher.launch([*self.options, *listening], side, self.log)

    def answers(self) -> bool:
        """Whether it says it is healthy; raises `EngineDied` where it has ended."""
        if not self.alive:
            raise EngineDied(f"vLLM {self.name} ended while it started; its last words:\n{last_words(self.log)}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2.0) as reply:
                healthy: bool = reply.status == 200
        except (urllib.error.URLError, OSError):
            return False
        self.family = descendants(self.pid)
        return healthy

    def kill(self) -> None:
        """SIGKILL to all its processes: no connection is closed in order, no word is said."""
        if self.pid:
            kill([self.pid, *descendants(self.pid), *self.family])
            self._gone(GONE_S)

    def stop(self) -> None:
        """Ask it to end, then kill whatever of it is left."""
        if self.alive:
            self.family = descendants(self.pid) or self.family
            os.kill(self.pid, signal.SIGTERM)
            self._gone(GONE_S)
        self.kill()

    def _gone(self, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while any(map(runs, [self.pid, *self.family])) and time.monotonic() < until:
            time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process is there and is more than an entry that nobody has looked at."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"
