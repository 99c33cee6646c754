"""The fleet put together: the pools of a file and of resources, and each pool's replicas from where it finds them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pool.discovery.dns import Names
from pool.discovery.places import Found, Place, Problem, replica, told_apart
from pool.discovery.port import Sighting
from pool.discovery.static import FleetFile
from weir import fleetfile
from weir.directions import NOTHING, directions
from weir.supervise import supervised
from weir.v1 import fleet_pb2

if TYPE_CHECKING:
    from pool.discovery.declared import Resources
    from pool.discovery.kubernetes import Cluster

log = logging.getLogger(__name__)

TOGETHER_S = 0.004  # changes that come within so long make one sighting


class Source(Protocol):
    """What finds one pool's replicas."""

    @property
    def known(self) -> bool:
        """Whether it has been asked once."""

    def found(self) -> Found:
        """Where they are now."""

    def close(self) -> None:
        """Ask no more."""


class NameSource:
    """A pool's host name, looked up by a task of its own."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._task = asyncio.get_running_loop().create_task(supervised(f"resolving {names.host}", names.run))

    @property
    def known(self) -> bool:
        """Whether it was looked up once."""
        return self._names.known

    def found(self) -> Found:
        """Its addresses."""
        return self._names.found

    def close(self) -> None:
        """Look no more."""
        self._task.cancel()


class Fleet:
    """The `Discovery` of a running pool service."""

    def __init__(
        self, file: Path | None, connect: Callable[[Callable[[], None]], "Cluster"], *, watch_resources: bool = False,
        interval_s: float = 1.0,
    ) -> None:  # fmt: skip
        self._file = FleetFile(file, interval_s) if file else None
        self._connect, self._watch_resources = connect, watch_resources
        self.cluster: Cluster | None = None
        self.resources: Resources | None = None
        self.problems: list[Problem] = []  # as of the last sighting
        self.leads: bool | None = None  # whether this pool service acts on it; None where nobody does
        self.unable: dict[str, Problem] = {}  # why pools cannot be made what is wanted, as of the last try
        self.pools: dict[str, fleetfile.Pool] = {}
        self.said: fleetfile.FleetFile | None = None  # by the file
        self._sources: dict[str, Source] = {}
        self._good: dict[str, list[Place]] = {}  # where each pool's replicas were last found
        self._made: dict[str, tuple[fleetfile.Pool, Place, fleet_pb2.Replica]] = {}  # a message is dear to make
        self._uids: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def sightings(self) -> AsyncIterator[Sighting]:
        """The fleet, once every source has answered, and again after every change; raises `BadFleet` or `NoCluster`."""
        reading = self._open()
        last: Sighting | None = None
        try:
            while True:
                await self._changed.wait()
                await asyncio.sleep(TOGETHER_S)
                self._changed.clear()
                self._arrange()
                if last is None and not self._known():
                    continue
                seen = self._look()
                if last is None or seen.renewed or _told(seen) != _told(last):
                    last = seen
                    yield seen
        finally:
            if reading is not None:
                reading.cancel()
            self._shut()

    def read(self) -> None:
        """Read the file, unless that was done; raises `BadFleet`."""
        if self._file is not None and self.said is None:
            self.said = self._file.read()

    def source(self, pool: str) -> Source | None:
        """What finds a pool's replicas; None where its addresses are given."""
        return self._sources.get(pool)

    def heard(self) -> None:
        """Something may be another now."""
        self._changed.set()

    def _open(self) -> "asyncio.Task[None] | None":
        self.read()
        if self._watch_resources:
            from pool.discovery.declared import Resources

            self.resources = Resources(self.reached(), self.heard)
        self._changed.set()
        if self._file is None:
            return None
        return asyncio.get_running_loop().create_task(supervised("reading the fleet file", self._follow_file))

    async def _follow_file(self) -> None:
        assert self._file is not None
        async for said in self._file.edits():
            self.said = said
            self.heard()

    def _shut(self) -> None:
        for source in self._sources.values():
            source.close()
        if self.cluster is not None:
            self.cluster.stop()

    def reached(self) -> "Cluster":
        """The Kubernetes that this fleet is in, connected to when first asked for; raises `NoCluster`."""
        if self.cluster is None:
            self.cluster = self._connect(self.heard)
        return self.cluster

    def _arrange(self) -> None:
        """A source for each pool there is now."""
        pools = {pool.name: pool for pool in self.said.pools} if self.said else {}
        if self.resources is not None:
            pools = {**self.resources.pools(taken=frozenset(pools)), **pools}
        for name in [name for name, pool in self.pools.items() if pools.get(name) != pool]:
            source = self._sources.pop(name, None)
            if source is not None:
                source.close()
            if name not in pools:
                self._good.pop(name, None)
        self.pools = pools
        for name, pool in pools.items():
            if pool.discover is not None and name not in self._sources:
                self._sources[name] = self._source(pool, pool.discover)

    def _source(self, pool: fleetfile.Pool, where: fleetfile.Discover) -> Source:
        if where.dns:
            return NameSource(Names(pool=pool.name, host=where.dns, port=where.port, heard=self.heard))
        from pool.discovery.kubernetes import source

        return source(self.reached(), pool)

    def _known(self) -> bool:
        declared = self.resources is None or self.resources.known
        return declared and all(source.known for source in self._sources.values())

    def _look(self) -> Sighting:
        fixed, found, self.problems = [], [], []
        for name, pool in self.pools.items():
            source = self._sources.get(name)
            if source is None:
                fixed += fleetfile.messages(fleetfile.FleetFile.model_construct(pools=[pool]))
            else:
                found += [(name, place) for place in self._places(name, source)]
        kept, shared = told_apart(found)
        self.problems += shared + (self.resources.problems() if self.resources else [])
        replicas = [*fixed, *self._described(kept)]
        return Sighting(
            replicas=_once(replicas),
            barred={place.name: place.barred for _, place in kept if place.barred},
            renewed=self._renewed([place for _, place in kept]),
            directions=self._directions(),
        )

    def _directions(self) -> fleet_pb2.Directions:
        if self.resources is None:
            return directions(self.said, NOTHING)
        named = [pool.discover.inference_pool for pool in self.pools.values() if pool.discover]
        return directions(self.said, self.resources.told(frozenset(filter(None, named))))

    def _places(self, name: str, source: Source) -> list[Place]:
        said = source.found()
        self.problems += [Problem(reason=each.reason, words=each.words, about=name) for each in said.problems]
        if said.usable and source.known:
            self._good[name] = said.places
        return self._good.get(name, [])

    def _described(self, places: Sequence[tuple[str, Place]]) -> Iterator[fleet_pb2.Replica]:
        before, self._made = self._made, {}
        for name, place in places:
            known = before.get(place.name)
            if known is None or known[0] is not self.pools[name] or known[1] != place:
                known = self.pools[name], place, replica(self.pools[name], place)
            self._made[place.name] = known
            yield known[2]

    def _renewed(self, places: Sequence[Place]) -> frozenset[str]:
        """Names that another process bears than the last time."""
        uids = {place.name: place.uid for place in places if place.uid}
        renewed = frozenset(name for name, uid in uids.items() if self._uids.get(name, uid) != uid)
        self._uids = uids
        return renewed


def _told(seen: Sighting) -> tuple[object, ...]:
    return seen.replicas, seen.barred, seen.directions


def _once(replicas: list[fleet_pb2.Replica]) -> list[fleet_pb2.Replica]:
    """The first of each name: a pod may be called as a replica of the file is."""
    return list({each.name: each for each in reversed(replicas)}.values())[::-1]
