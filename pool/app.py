"""The pool service put together: discovery, health, events, registry, feed, gRPC, metrics."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import zmq
from prometheus_client import CollectorRegistry

from policies.scale.roles import Roles
from pool.complaints import Complaints
from pool.crew import Crew
from pool.discovery.fleet import Fleet
from pool.discovery.metrics import Found
from pool.discovery.port import Discovery
from pool.discovery.static import BadFleet
from pool.eds import EndpointService
from pool.events import Following
from pool.feed import Feed
from pool.hashing import fastest_chain
from pool.keep import Keeper
from pool.kv_events import KV_SOURCES
from pool.metrics import Live, Page, Scrapes, Told, Wants
from pool.own_hashes import Hasher
from pool.registry.failover import Failover
from pool.registry.memory import MemoryRegistry
from pool.registry.redis import RedisRegistry
from pool.roles import Reconciler
from pool.roster import Roster
from pool.routed import Routed
from pool.serve import RegistryService, bound
from pool.settings import Settings
from pool.wanting import ScalerService, Wanting
from pool.watch import Watching
from weir.fleetfile import Slo
from weir.stopping import gone, told_to_stop
from weir.supervise import supervised
from weir.v1 import fleet_pb2

if TYPE_CHECKING:
    from pool.discovery.kubernetes import Cluster

log = logging.getLogger(__name__)

SETTLE_S = 3.0  # at most, before routers are answered
FAREWELL_S = 5.0  # for the last snapshots and for streams to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where a running pool can be reached."""

    replicas: int
    port: int
    metrics_port: int | None


def announce(bound: Bound, listen: str) -> None:
    """The one line that says the pool is ready."""
    host = listen.rpartition(":")[0]
    metrics = "" if bound.metrics_port is None else f", metrics on port {bound.metrics_port}"
    sys.stdout.write(f"pool ready: {bound.replicas} replicas, gRPC on {host}:{bound.port}{metrics}\n")
    sys.stdout.flush()


async def run(
    settings: Settings,
    fleet_file: Path | None,
    *,
    ready: Callable[[Bound], None] | None = None,
    stop: asyncio.Event | None = None,
    hasher: Hasher | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or `stop`; raises `BadFleet`, `NoCluster`, `UnknownName` or `CannotListen`
    when it cannot start."""
    ending = asyncio.Event() if stop is None else stop
    with told_to_stop(ending.set) if stop is None else nullcontext():
        discovery = Fleet(
            fleet_file, connected, watch_resources=settings.watch_resources, interval_s=settings.discovery_interval_s
        )
        discovery.read()
        if hasher is None:
            hasher = await asyncio.to_thread(fastest_chain)
        async with Pool.opened(settings, hasher) as pool:
            controls = settings.lease or settings.watch_resources or settings.scaling != "off"
            control = partial(_control, settings, discovery, pool) if controls else None
            pool.found.fleet = discovery
            await pool.run(discovery, ending, ready or (lambda bound: announce(bound, settings.listen)), control)


def connected(heard: Callable[[], None]) -> "Cluster":
    """The Kubernetes that this process can find; raises `NoCluster`."""
    try:
        from pool.cluster.api import Api
        from pool.discovery.kubernetes import Cluster
    except ModuleNotFoundError as error:
        raise BadFleet(f"Kubernetes is asked for and {error.name} is not there: pip install weir[kubernetes]") from None
    return Cluster(Api(), heard)


async def _control(settings: Settings, fleet: Fleet, pool: "Pool") -> None:
    from pool.control.start import control

    await control(settings, fleet, pool.roster, pool.routed, pool.wanting)


class Pool:
    """The parts of one running pool."""

    def __init__(self, settings: Settings, hasher: Hasher, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        self.settings = settings
        self.roster = Roster(
            hasher, failures=settings.failures, limit_blocks=settings.blocks_per_replica, ranks=settings.ranks
        )
        self.registry_service = RegistryService(self.roster, hasher)
        self.feed = Feed(self.roster, settings.coalesce_s)
        self.complaints = Complaints()
        near = MemoryRegistry()
        self.far = Failover(RedisRegistry(settings.redis, complaints=self.complaints), near) if settings.redis else None
        self.keeper = Keeper(
            roster=self.roster,
            registry=self.far or near,
            lease_s=settings.lease_s,
            snapshot_interval_s=settings.snapshot_interval_s,
        )
        self.following = Following(
            roster=self.roster,
            decode=KV_SOURCES[settings.kv_source],
            context=context,
            complaints=self.complaints,
            idle_s=settings.replay_idle_s,
            recheck_s=settings.recheck_s,
        )
        self.reconciler = Reconciler(roster=self.roster, policy=Roles(), acts=settings.roles == "switched")
        self.metrics = CollectorRegistry()
        self.found = Found()
        self.metrics.register(
            Live(self.roster, self.following.tally, self.feed, self.far, self.complaints, self.reconciler.switched)
        )
        self.metrics.register(self.found)
        self.routed = Routed()
        self.wanting = Wanting()
        self.metrics.register(Told(self.routed))
        self.metrics.register(Wants(self.wanting))
        self.watching = Watching(
            roster=self.roster,
            seen=Scrapes(self.metrics),
            interval_s=settings.scrape_interval_s,
            timeout_s=settings.scrape_timeout_s,
            complaints=self.complaints,
        )

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, hasher: Hasher) -> "AsyncIterator[Pool]":
        """A pool whose sockets and connections are closed at the end."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        pool = cls(settings, hasher, context)
        try:
            yield pool
        finally:
            await pool.keeper.registry.close()
            context.destroy(linger=0)

    async def run(
        self,
        discovery: Discovery,
        stop: asyncio.Event,
        ready: Callable[[Bound], None],
        control: Callable[[], Coroutine[None, None, None]] | None = None,
    ) -> None:
        """Serve until told to stop; what controls the fleet begins once routers are answered."""
        endpoints = EndpointService(self.roster, self.feed)
        scaler = ScalerService(self.wanting)
        server, port = bound(self.feed, self.settings.listen, self.registry_service, endpoints, self.routed, scaler)
        page = self._page()
        try:
            async with asyncio.TaskGroup() as group:
                keeps = self.settings.roles == "switched"
                crew = Crew(group, self.keeper, self.watching, self.following, keeps_roles=keeps)
                first = asyncio.Event()
                tasks = [
                    group.create_task(self._discover(discovery, crew, first)),
                    group.create_task(supervised("leases", self.keeper.renew)),
                    group.create_task(supervised("snapshots", self.keeper.snapshots)),
                    group.create_task(self.feed.beat(self.settings.heartbeat_s)),
                ]
                if self.settings.roles != "fixed":
                    tasks.append(group.create_task(supervised("roles", self.reconciler.run)))
                await first.wait()
                await self._settled()
                await server.start()
                if control is not None:
                    tasks.append(group.create_task(control()))
                ready(Bound(replicas=len(self.roster), port=port, metrics_port=page.port if page else None))
                await stop.wait()
                crew.disband()
                await gone(tasks)
            await self._farewell()
        finally:
            self.feed.end()
            await server.stop(FAREWELL_S)
            if page is not None:
                await asyncio.to_thread(page.close)

    async def _discover(self, discovery: Discovery, crew: Crew, first: asyncio.Event) -> None:
        async for seen in discovery.sightings():
            self._promise(seen.directions)
            await crew.sighted(seen)
            first.set()

    def _promise(self, told: fleet_pb2.Directions) -> None:
        """Roles are switched by the deadlines that routers are told."""
        default = Slo()
        self.reconciler.policy = Roles(ttft_s=told.ttft_s or default.ttft_s, tpot_s=told.tpot_s or default.tpot_s)

    async def _settled(self) -> None:
        """Wait a little until every replica was asked and what was kept of it is seen to be true.

        Whoever restarts would else tell routers that a fleet which serves is not ready, and then that it is.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while any(entry.untold or not entry.readiness.asked for entry in self.roster):  # noqa: ASYNC110 (followers find out, one by one)
                    await asyncio.sleep(0.01)

    async def _farewell(self) -> None:
        """Keep what is known, so that the next pool need not learn it again."""
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.keeper.save()
        except TimeoutError:
            log.warning("the last snapshots could not all be kept in time")

    def _page(self) -> Page | None:
        if self.settings.metrics_port is None:
            return None
        return Page(self.settings.metrics_host, self.settings.metrics_port, self.metrics)
