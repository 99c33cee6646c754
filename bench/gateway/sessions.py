"""Programs under measurement: each in a process session of its own, on one core, with its CPU time and memory."""

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.places import LOGS, MODEL

PAGE = os.sysconf("SC_PAGE_SIZE")
PROBE = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"hi"}}]}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one session has used: CPU seconds so far, resident bytes now (of all processes, of the busiest one)."""

    cpu_s: float
    rss: int
    busiest: int


class Session:
    """A started program and every process that it started."""

    def __init__(self, name: str, command: tuple[str, ...], core: int, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = LOGS / f"{name}.txt"
        full = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **env}
        with self.log.open("wb") as log, on_core(core):
            self.process = subprocess.Popen(
                command, env=full, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def usage(self) -> Usage:
        """CPU and memory of the session; exact run time from the scheduler."""
        used = [(0, 0)]
        for pid in members(self.process.pid):
            with contextlib.suppress(OSError):
                size = int((pid / "statm").read_text().split()[1]) * PAGE
                cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in (pid / "task").iterdir())
                used.append((cpu, size))
        total = sum(cpu for cpu, _ in used)
        return Usage(cpu_s=total / 1e9, rss=sum(size for _, size in used), busiest=max(used)[1])

    def last_words(self) -> str:
        """The last line of its log that says anything."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else "(it said nothing)"

    def wait_ready(self, port: int, path: str, seconds: float) -> str | None:
        """Wait until it answers a chat; the reason when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return f"exited {self.process.returncode}: {self.last_words()}"
            status = ask(port, path)
            if status == 200:
                return None
            time.sleep(0.2)
        return f"not ready after {seconds:.0f} s (last status {status}): {self.last_words()}"

    def stop(self) -> None:
        """Ask it to end; after three seconds end what is left of the session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        for pid in members(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.name), signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Let what is started inside inherit one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def members(session: int) -> Iterator[Path]:
    """The /proc folders of a session's processes."""
    for pid in Path("/proc").iterdir():
        if not pid.name.isdigit():
            continue
        try:
            fields = (pid / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session:
            yield pid


def ask(port: int, path: str) -> int | None:
    """The status of one small chat, or None when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", path, PROBE, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def busy_cores_s() -> float:
    """CPU seconds that the whole machine has been busy."""
    user, nice, system, _idle, _wait, irq, soft, steal = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, irq, soft, steal))) / os.sysconf("SC_CLK_TCK")
