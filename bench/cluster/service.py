"""A pool service as a child process beside an API, and what it uses of the machine."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.cluster.server import free_port

ROOT = Path(__file__).parents[2]
READY_S = 120.0


@dataclass(kw_only=True)
class Service:
    """A running pool service."""

    child: subprocess.Popen[str]
    port: int
    metrics_port: int
    log: Path

    @property
    def address(self) -> str:
        """Where routers hear of the fleet."""
        return f"127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory, 10^6 bytes."""
        pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        self.child.kill()
        self.child.wait()


def started(
    folder: Path, kubeconfig: Path, name: str, options: Sequence[str], *, namespace: str = "default"
) -> Service:
    """Start one; whether it is ready is found out by asking it."""
    port, metrics = free_port(), free_port()
    log = folder / f"{name}.log"
    environment = os.environ | {
        "KUBECONFIG": str(kubeconfig), "POD_NAMESPACE": namespace, "POD_NAME": name,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "cli.main", "pool", f"--listen=127.0.0.1:{port}", f"--metrics-port={metrics}",
        "--verbose", *options,
    ]  # fmt: skip
    with log.open("ab") as said:
        child = subprocess.Popen(
            command, stdout=said, stderr=said, env=environment, cwd=ROOT, start_new_session=True, text=True
        )
    return Service(child=child, port=port, metrics_port=metrics, log=log)


@contextmanager
def service(
    folder: Path, kubeconfig: Path, name: str, options: Sequence[str], *, namespace: str = "default"
) -> Iterator[Service]:
    """One that is gone when the block ends."""
    found = started(folder, kubeconfig, name, options, namespace=namespace)
    try:
        yield found
    finally:
        if found.child.poll() is None:
            found.child.terminate()
            try:
                found.child.wait(10.0)
            except subprocess.TimeoutExpired:
                found.kill()


@contextmanager
def engines() -> Iterator[int]:
    """Engines at every loopback address; their port."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cluster.engines", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            raise RuntimeError(f"the engines cannot listen on port {port}: somebody else took it meanwhile")
        try:
            yield port
        finally:
            child.kill()


def waited(true: "object", within_s: float = READY_S) -> float:
    """Seconds until something is so; raises `TimeoutError`."""
    assert callable(true)
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"not within {within_s:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - began
