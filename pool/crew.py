"""The tasks of every replica: one that watches its health, one that follows its events."""

import asyncio
from collections.abc import Mapping, Sequence

from pool.discovery.port import Sighting
from pool.events import Follower, Following
from pool.keep import Keeper
from pool.registry.port import Member, Snapshot
from pool.roster import Entry, Roster
from pool.watch import Watcher, Watching
from weir.supervise import supervised
from weir.v1 import fleet_pb2


class Crew:
    """Starts and ends tasks as replicas come and go."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        keeper: Keeper,
        watching: Watching,
        following: Following,
        *,
        keeps_roles: bool = False,
    ) -> None:
        self._group, self._keeper, self._watching, self._following = group, keeper, watching, following
        self._keeps_roles = keeps_roles  # whether a role that an earlier pool gave goes before the fleet's
        self._roster: Roster = keeper.roster
        self._watchers: dict[str, tuple[Watcher, asyncio.Task[None]]] = {}
        self._followers: dict[str, list[asyncio.Task[None]]] = {}
        self._told: dict[str, fleet_pb2.Replica] = {}  # as discovery last described them

    async def sighted(self, seen: Sighting) -> None:
        """Make the fleet what discovery sees; who is barred is watched on, to be ready the moment it may be."""
        self._roster.direct(seen.directions)
        self._bar(seen.barred)  # nobody waits for newcomers to hear that another is not to be sent work
        for name in seen.renewed & self._told.keys():
            await self._dismiss(name)
            del self._told[name]
        await self.assemble(seen.replicas)
        self._bar(seen.barred)

    async def assemble(self, replicas: Sequence[fleet_pb2.Replica]) -> None:
        """Make the fleet these replicas."""
        wanted = {replica.name: replica for replica in replicas}
        for name in [name for name in self._told if name not in wanted]:
            await self._dismiss(name)
        fresh = [name for name in wanted if name not in self._told]
        members = await self._keeper.registry.members() if fresh else {}
        kept = dict(zip(fresh, await asyncio.gather(*(self._kept(name, members) for name in fresh)), strict=True))
        for name, replica in wanted.items():
            if name in kept:
                self._welcome(replica, members.get(name), kept.pop(name))
                await asyncio.sleep(0)
            elif replica != self._told[name]:
                self._redescribe(replica)
        self._told = wanted

    def disband(self) -> None:
        """End every task."""
        for name in list(self._watchers):
            self._stop(name)

    def _bar(self, barred: Mapping[str, str]) -> None:
        for entry in self._roster:
            why = barred.get(entry.name, "")
            if self._roster.bar(entry, why) and not why and not entry.ready and entry.name in self._watchers:
                self._watchers[entry.name][0].hurry()

    async def _kept(self, name: str, members: Mapping[str, Member]) -> dict[int, Snapshot]:
        return await self._keeper.kept(name, members[name].ranks if name in members else 1)

    def _welcome(self, replica: fleet_pb2.Replica, member: Member | None, kept: Mapping[int, Snapshot]) -> None:
        known = member is not None and _same_process(member.described, replica)
        epochs = [member.described.epoch if member else 0, *(snapshot.epoch for snapshot in kept.values())]
        entry = self._roster.enter(replica, max(epochs) + (member is not None and not known))
        self._roster.recall(entry, kept)
        if member is not None and known:
            self._roster.remember_start(entry, member.started)
            if self._keeps_roles and member.described.role != entry.described.role:
                self._roster.turn(entry, member.described.role)
        self._begin(entry)

    def _redescribe(self, replica: fleet_pb2.Replica) -> None:
        if _same_process(self._told[replica.name], replica):
            entry = self._roster.get(replica.name)
            assert entry is not None
            self._roster.describe(entry, replica)
            return
        self._stop(replica.name)
        self._begin(self._roster.enter(replica))

    async def _dismiss(self, name: str) -> None:
        self._stop(name)
        self._roster.leave(name)
        await self._keeper.leave(name)

    def _begin(self, entry: Entry) -> None:
        watcher = Watcher(entry, self._watching, self._follow)
        self._watchers[entry.name] = watcher, self._start(f"watching {entry.name}", watcher)
        self._follow(entry)

    def _follow(self, entry: Entry) -> None:
        """Follow its events from the beginning, on sockets that hold none of an earlier process's."""
        _cancel(*self._followers.pop(entry.name, ()))
        self._followers[entry.name] = [
            self._start(f"following {entry.name}, rank {rank.number}", Follower(entry, self._following, rank))
            for rank in entry.ranks
            if rank.events
        ]

    def _start(self, what: str, task: Watcher | Follower) -> asyncio.Task[None]:
        return self._group.create_task(supervised(what, task.run), name=what)

    def _stop(self, name: str) -> None:
        if name in self._watchers:
            _cancel(self._watchers.pop(name)[1])
        _cancel(*self._followers.pop(name, ()))


def _same_process(one: fleet_pb2.Replica, other: fleet_pb2.Replica) -> bool:
    """Whether two descriptions are of one engine process, as far as they say; the endpoints of its events may be its
    own word rather than the file's."""
    if one.address != other.address:
        return False
    return not (one.events and other.events) or (one.events, one.replay) == (other.events, other.replay)


def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
