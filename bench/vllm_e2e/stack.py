"""`weir up` over running engines, as an operator would start it: a fleet file with addresses, nothing emulated."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bench.engines.engine import HOST, Engine
from bench.engines.fleet import ADAPTERS, BLOCK_TOKENS, BLOCKS, MAX_NUM_SEQS, MODEL, Engines
from bench.engines.model import CONTEXT_TOKENS
from cli.kin import descendants, kill
from cli.places import free_port
from policies.native.library import ensure_built

READY_S = 300.0  # the first router on a machine compiles
KNOWN_S = 180.0
STOP_S = 20.0
REPO = Path(__file__).parents[2]

Roles = Sequence[str]


class NotUp(RuntimeError):
    """Weir did not come up; the message has its last words."""


@dataclass(slots=True, kw_only=True)
class Weir:
    """A running stack."""

    folder: Path
    url: str = ""
    metrics: str = ""
    process: "subprocess.Popen[str] | None" = None
    _records: dict[str, dict[str, Any]] = field(default_factory=dict)
    _read: int = 0  # bytes of the decisions that were read

    @property
    def decisions(self) -> Path:
        """Where it writes its decision records."""
        return self.folder / "decisions.jsonl"

    @property
    def complaints(self) -> Path:
        """What its services said on stderr."""
        return self.folder / "weir.log"

    def record(self, identity: str, patience_s: float = 10.0) -> dict[str, Any]:
        """The decision record of a request that has ended; raises `LookupError` where none is written."""
        until = time.monotonic() + patience_s
        while identity not in self._records:
            if time.monotonic() > until:
                raise LookupError(f"no decision record of {identity}")
            time.sleep(0.01)
            self._take_in()
        return self._records[identity]

    def replicas(self, knowledge: str) -> int:
        """How many replicas' caches the router knows so well."""
        return int(self.count(f'weir_replicas{{knowledge="{knowledge}"}}'))

    def count(self, series: str) -> float:
        """The value of one series of the router's metrics; 0 where it is not there."""
        try:
            with urllib.request.urlopen(self.metrics, timeout=5.0) as reply:
                page = reply.read().decode()
        except (urllib.error.URLError, OSError):
            return 0.0
        found = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f"{series} ")]
        return float(found[0]) if found else 0.0

    def last_words(self, lines: int = 12) -> str:
        """The end of what its services said."""
        return "\n".join(self.complaints.read_text(errors="replace").splitlines()[-lines:])

    def _take_in(self) -> None:
        if not self.decisions.exists():
            return
        with self.decisions.open("rb") as file:
            file.seek(self._read)
            whole, found, _ = file.read().rpartition(b"\n")
        if found:
            self._read += len(whole) + 1
            for line in whole.split(b"\n"):
                record = msgspec.json.decode(line)
                self._records[record["id"]] = record


@contextmanager
def weir_over(
    engines: Engines, folder: Path, roles: Roles = (), told: Mapping[str, Any] | None = None
) -> Iterator[Weir]:
    """Weir over those engines, all mixed or of those roles, once it knows what each caches; gone afterwards.

    `told` is the fleet file where another one is meant.
    """
    ensure_built()  # a pool that compiles first is late
    folder.mkdir(parents=True, exist_ok=True)
    weir, port = Weir(folder=folder), free_port(HOST, 0)
    weir.metrics = f"http://{HOST}:{port}/metrics"
    fleet = folder / "fleet.yaml"
    fleet.write_text(yaml.safe_dump(dict(told or fleet_file(engines, roles)), sort_keys=False))
    try:
        weir.process = started(weir, fleet, port)
        weir.url = listening(weir)
        until_known(weir, len(engines.members))
        yield weir
    finally:
        stop(weir)


def fleet_file(engines: Engines, roles: Roles = ()) -> dict[str, Any]:
    """The fleet file: one pool of mixed replicas, or one a role."""
    if not roles:
        return {"pools": [pool("vllm", engines.model, engines.members)]}
    pools = [
        {**pool(role, engines.model, [member]), "role": role}
        for role, member in zip(roles, engines.members, strict=True)
    ]
    return {"pools": pools}


def pool(name: str, model: Path, members: Sequence[Engine]) -> dict[str, Any]:
    """One pool. The profile is a stand-in: no CPU has one, and what is proved here is no prediction of seconds."""
    return {
        "name": name,
        "gpu": "l4",
        "model": "llama-3.1-8b",
        "served_name": MODEL,
        "tokenizer": str(model),
        "adapters": list(ADAPTERS),
        "addresses": [member.address for member in members],
        "events": [f"tcp://{HOST}:{member.ports.events}" for member in members],
        "replay": [f"tcp://{HOST}:{member.ports.replay}" for member in members],
        "engine": {
            "block_size": BLOCK_TOKENS,
            "max_model_len": CONTEXT_TOKENS,
            "max_num_seqs": MAX_NUM_SEQS,
            "max_num_batched_tokens": CONTEXT_TOKENS,
            "kv_tokens": BLOCKS * BLOCK_TOKENS,
        },
    }


def started(weir: Weir, fleet: Path, metrics_port: int) -> "subprocess.Popen[str]":
    """`weir up` on free ports, stopped by the kernel when we die."""
    command = ["up", str(fleet), "--port", "0", "--decisions", str(weir.decisions), "--metrics-port", str(metrics_port)]
    with weir.complaints.open("ab") as complaints:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.leash", str(os.getpid()), sys.executable, "-m", "cli.main", *command],
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPO), str(REPO / "proto")])},
        )


def listening(weir: Weir) -> str:
    """Where it says that it listens; raises `NotUp` when it ends instead."""
    assert weir.process is not None
    assert weir.process.stdout is not None
    for line in weir.process.stdout:
        if line.startswith("ready: "):
            return line.split()[1].removesuffix("/v1")
    raise NotUp(f"weir up ended before it was ready; its last words:\n{weir.last_words()}")


def until_known(weir: Weir, replicas: int) -> None:
    """Wait until the router knows exactly what every replica caches; raises `NotUp`."""
    until = time.monotonic() + KNOWN_S
    while weir.replicas("exact") < replicas:
        if time.monotonic() > until:
            known = {level: weir.replicas(level) for level in ("exact", "approximate", "unknown")}
            raise NotUp(f"after {KNOWN_S:g} s the router knows {known} of {replicas} caches:\n{weir.last_words()}")
        time.sleep(0.1)


def stop(weir: Weir) -> None:
    """End it and all that it started."""
    process = weir.process
    if process is None:
        return
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill(family)
    if process.stdout is not None:
        process.stdout.close()
