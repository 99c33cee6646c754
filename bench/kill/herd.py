"""Emulated replicas in processes that can be killed: each process hosts one replica of every model."""

import os
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import yaml

from bench.ports import HOST, free_ports, open_at
from weir.fleetfile import FleetFile

MODELS = {"llama-3.1-8b": "h100-sxm", "qwen3-8b": "a100-80"}
TIME_SCALE = 4.0

# A fork server that has everything imported starts a replica in a tenth of a second rather than in two.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.kill.warm", "sims.emulator.run"])


@dataclass(slots=True, kw_only=True)
class Member:
    """One process of the herd, alive or not."""

    fleet: Path
    ports: list[int]  # that its replicas listen on
    process: BaseProcess | None = None
    kills: int = 0

    @property
    def alive(self) -> bool:
        """Whether its process runs; its replicas may still be starting."""
        return self.process is not None and self.process.is_alive()

    def start(self) -> None:
        """Start it anew on the same ports."""
        self.process = CONTEXT.Process(target=emulate, args=(str(self.fleet),), daemon=True)
        self.process.start()

    def kill(self) -> None:
        """SIGKILL: no connection is closed in order, no word is said."""
        assert self.process is not None
        self.process.kill()
        self.process.join()
        self.kills += 1

    def listens(self) -> bool:
        """Whether all its replicas take connections."""
        return all(open_at(port) for port in self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Herd:
    """All processes, and the fleet file that names all their replicas."""

    fleet: Path
    members: list[Member] = field(default_factory=list)

    @property
    def alive(self) -> list[Member]:
        """Those whose process runs."""
        return [member for member in self.members if member.alive]

    def start(self, patience_s: float = 60.0) -> None:
        """Start all and wait until they listen."""
        for member in self.members:
            member.start()
        until = time.monotonic() + patience_s
        while not all(member.listens() for member in self.members):
            if time.monotonic() > until:
                raise SystemExit("the emulated replicas did not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """End whatever still runs."""
        for member in self.alive:
            member.kill()


def make_herd(folder: Path, size: int) -> Herd:
    """Fleet files with free ports; nothing is started."""
    ports = free_ports(3 * size * len(MODELS))
    pools = [_pool(member, model, [ports.pop() for _ in range(3)]) for member in range(size) for model in MODELS]
    herd = Herd(fleet=_write(folder / "fleet.yaml", pools))
    for member in range(size):
        mine = pools[member * len(MODELS) : (member + 1) * len(MODELS)]
        listening = [int(str(pool["addresses"][0]).rpartition(":")[2]) for pool in mine]
        herd.members.append(Member(fleet=_write(folder / f"member-{member}.yaml", mine), ports=listening))
    return herd


def emulate(fleet: str) -> None:
    """What a process of the herd does."""
    from sims.emulator.run import run

    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    run(Path(fleet), time_scale=TIME_SCALE)


Pool = dict[str, str | int | list[str]]


def _pool(member: int, model: str, ports: list[int]) -> "dict[str, list[str]]":
    http, events, replay = ports
    pool: Pool = {
        "name": f"{model}-{member}",
        "gpu": MODELS[model],
        "model": model,
        "addresses": [f"{HOST}:{http}"],
        "events": [f"tcp://{HOST}:{events}"],
        "replay": [f"tcp://{HOST}:{replay}"],
    }
    return pool  # type: ignore[return-value]


def _write(path: Path, pools: "list[dict[str, list[str]]]") -> Path:
    path.write_text(yaml.safe_dump(FleetFile.model_validate({"pools": pools}).model_dump(exclude_defaults=True)))
    return path
