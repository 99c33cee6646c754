"""The fleet as it is known now: one entry a replica, changed by discovery, health and events. No I/O, no clock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pool.changes import Changes
from pool.health import Readiness
from pool.holdings import Change, Holdings
from pool.own_hashes import Hasher
from pool.registry.port import Snapshot
from pool.scrape import Reading
from pool.sequence import Cursor
from weir.v1 import fleet_pb2


class Knowledge(StrEnum):
    """How well a replica's cache is known."""

    EXACT = "exact"  # every event since its start has been taken in
    APPROXIMATE = "approximate"  # it publishes no events: a router guesses from what it sent
    UNKNOWN = "unknown"  # something was missed: what is said to be held is, but more may be


@dataclass(slots=True, kw_only=True)
class Entry:
    """One replica."""

    described: fleet_pb2.Replica
    readiness: Readiness
    holdings: Holdings
    knowledge: Knowledge
    cursor: Cursor = field(default_factory=Cursor)
    reading: Reading = field(default_factory=Reading)
    asked_at: float = 0.0  # monotonic seconds of the reading
    missed_at_blocks: int = 0  # blocks ever stored when knowledge was lost
    reset_seen: bool = False  # its events said that it restarted; its metrics have not been asked since

    @property
    def name(self) -> str:
        """The replica's name."""
        return self.described.name

    @property
    def epoch(self) -> int:
        """Rises each time it is found restarted."""
        return int(self.described.epoch)

    def report(self, now: float) -> fleet_pb2.ReplicaReport:
        """What it is doing, as the wire says it."""
        reading = self.reading
        return fleet_pb2.ReplicaReport(
            name=self.name,
            ready=self.readiness.ready,
            reason=self.readiness.reason,
            running=reading.running,
            waiting=reading.waiting,
            kv_used=reading.kv_used,
            kv_tokens=reading.kv_tokens,
            age_s=max(now - self.asked_at, 0.0),
            knowledge=self.knowledge.value,
        )


class Roster:
    """Every replica that discovery names."""

    def __init__(self, hasher: Hasher, *, failures: int = 3, limit_blocks: int) -> None:
        self.changes = Changes()
        self._hasher, self._failures, self._limit = hasher, failures, limit_blocks
        self._entries: dict[str, Entry] = {}
        self._epochs: dict[str, int] = {}  # the last of every replica ever entered: one that comes back goes on from it

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> Entry | None:
        """The entry of that name, if there is one."""
        return self._entries.get(name)

    def enter(self, described: fleet_pb2.Replica, epoch: int = 0) -> Entry:
        """A replica joins, or comes back as another: nothing of its cache is known. The given epoch, if higher."""
        mine = fleet_pb2.Replica()
        mine.CopyFrom(described)
        mine.epoch = self._epochs[mine.name] = max(epoch, self._epochs.get(mine.name, 0) + 1)
        entry = self._entries[described.name] = Entry(
            described=mine,
            readiness=Readiness(failures=self._failures),
            holdings=Holdings(self._hasher, self._limit),
            knowledge=Knowledge.UNKNOWN if described.events else Knowledge.APPROXIMATE,
        )
        self.changes.described(entry.name)
        self.changes.reported(entry.name)
        self._tell(entry, entry.holdings.clear())
        return entry

    def describe(self, entry: Entry, described: fleet_pb2.Replica) -> None:
        """Other facts of the same process."""
        epoch = entry.epoch
        entry.described.CopyFrom(described)
        entry.described.epoch = epoch
        entry.described.block_tokens = entry.reading.block_tokens or described.block_tokens
        self.changes.described(entry.name)

    def remember_start(self, entry: Entry, started: float) -> None:
        """When its process started, as an earlier pool saw it: another time now shows it to have restarted."""
        entry.reading = replace(entry.reading, started=started)

    def restore(self, entry: Entry, snapshot: Snapshot) -> None:
        """What a registry kept of it, not known to be true until its events are seen to go on from there."""
        entry.cursor.advance(snapshot.sequence, snapshot.at)
        entry.reading = replace(entry.reading, started=snapshot.started)
        entry.holdings.block_tokens = snapshot.block_tokens
        self.cached(entry, [entry.holdings.restore(tier, blocks) for tier, blocks in snapshot.tiers.items()])

    def leave(self, name: str) -> None:
        """A replica is no longer part of the fleet."""
        del self._entries[name]
        self.changes.left(name)

    def answered(self, entry: Entry) -> None:
        """It is healthy."""
        if entry.readiness.succeeded():
            self.changes.reported(entry.name)

    def failed(self, entry: Entry, reason: str, *, refused: bool) -> bool:
        """It is not; True when that makes it unready."""
        became = entry.readiness.refused(reason) if refused else entry.readiness.missed(reason)
        if became or not entry.readiness.ready:
            self.changes.reported(entry.name)
        return became

    def read(self, entry: Entry, reading: Reading, now: float) -> bool:
        """It said what it is doing; True when that shows it to have restarted."""
        before, entry.reading, entry.asked_at = entry.reading, reading, now
        restarted = 0.0 < before.started != reading.started > 0.0 and not entry.reset_seen
        entry.reset_seen = False
        if reading.block_tokens and reading.block_tokens != entry.described.block_tokens:
            entry.described.block_tokens = reading.block_tokens  # the engine's word goes before the file's
            self.changes.described(entry.name)
        if restarted:
            self.restart(entry)
        self.changes.reported(entry.name)
        return restarted

    def restart(self, entry: Entry) -> None:
        """It is another process now: what was known of its cache is void."""
        entry.described.epoch += 1
        self._epochs[entry.name] = entry.epoch
        entry.cursor.restart()
        self.changes.described(entry.name)
        self._tell(entry, entry.holdings.clear())
        if entry.described.events:
            self.know(entry, Knowledge.UNKNOWN)

    def cached(self, entry: Entry, changes: Iterable[Change | None]) -> None:
        """Its cache holds something else."""
        for change in changes:
            if change is not None:
                self._tell(entry, change)
        self._heal(entry)

    def lost(self, entry: Entry) -> None:
        """Events are missing for good: drop what is known and build again from what is seen."""
        self._tell(entry, entry.holdings.lose())
        self.know(entry, Knowledge.UNKNOWN)

    def know(self, entry: Entry, knowledge: Knowledge) -> None:
        """Say how well its cache is known from here on."""
        if knowledge is Knowledge.UNKNOWN:
            entry.missed_at_blocks = entry.holdings.stored_blocks
        if knowledge is not entry.knowledge:
            entry.knowledge = knowledge
            self.changes.reported(entry.name)

    def _heal(self, entry: Entry) -> None:
        """A cache into which as many blocks have come as it has room for holds nothing that was not seen coming."""
        since = entry.holdings.stored_blocks - entry.missed_at_blocks
        if entry.knowledge is Knowledge.UNKNOWN and 0 < entry.reading.blocks <= since:
            self.know(entry, Knowledge.EXACT)

    def _tell(self, entry: Entry, change: Change) -> None:
        size = entry.holdings.block_tokens or entry.described.block_tokens
        self.changes.cached(entry.name, entry.epoch, max(entry.cursor.last, 0), size, change)
