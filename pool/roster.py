"""The fleet as it is known now: one entry a replica, changed by discovery, health and events. No I/O, no clock."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pool.changes import Changes
from pool.health import Readiness
from pool.holdings import CLEARED, STORED, Change, Holdings
from pool.kv_events import Event
from pool.own_hashes import Hasher
from pool.ranks import Knowledge as Knowledge
from pool.ranks import Rank, worst
from pool.registry.port import Snapshot
from pool.scrape import Reading
from pool.sequence import UNSEEN, Cursor
from pool.sources import Source, placed, ranks
from pool.union import Union
from weir.v1 import fleet_pb2


@dataclass(slots=True, kw_only=True)
class Entry:
    """One replica."""

    described: fleet_pb2.Replica
    readiness: Readiness
    ranks: list[Rank]  # at least one
    union: Union = field(default_factory=Union)  # of what the ranks hold, where there are several
    reading: Reading = field(default_factory=Reading)
    asked_at: float = 0.0  # monotonic seconds of the reading
    kept: dict[int, Snapshot] = field(default_factory=dict)  # of its ranks, from the registry, this epoch's
    file_events: bool = False  # the endpoints of its events are the fleet file's word, not its own
    sources_asked: bool = False  # it was asked where its ranks publish since it last started
    adapters_told: bool = False  # which LoRA adapters there are is its own word, not the fleet file's
    limit_told: int = 0  # the longest request that it says it takes, in tokens; 0: it has not said
    role_told: bool = False  # its role was changed since it was entered: the fleet file's no longer counts
    becoming: str = ""  # the role for which it empties; nothing new is sent to it meanwhile
    reset_seen: bool = False  # its events said that it restarted; its metrics have not been asked since
    barred: str = ""  # why discovery says that it may not be sent work, however well it is

    @property
    def name(self) -> str:
        """The replica's name."""
        return self.described.name

    @property
    def ready(self) -> bool:
        """Whether it may be sent work."""
        return self.readiness.ready and not self.barred and not self.becoming

    def _emptying(self) -> str:
        return f"empties to become {self.becoming}" if self.becoming else ""

    @property
    def epoch(self) -> int:
        """Rises each time it is found restarted."""
        return int(self.described.epoch)

    @property
    def holdings(self) -> Holdings:
        """What the first rank holds."""
        return self.ranks[0].holdings

    @property
    def cursor(self) -> Cursor:
        """Where the first rank's events stand."""
        return self.ranks[0].cursor

    @property
    def knowledge(self) -> Knowledge:
        """How well its cache is known."""
        return worst(self.ranks)

    @property
    def blocks(self) -> int:
        """Blocks held, over all ranks and tiers."""
        return sum(len(rank.holdings) for rank in self.ranks)

    def tiers(self) -> list[str]:
        """The tiers that hold anything."""
        return self.holdings.tiers() if len(self.ranks) == 1 else self.union.tiers()

    def own(self, tier: str) -> list[int]:
        """Own hashes of a tier's blocks, each once."""
        return self.holdings.own(tier) if len(self.ranks) == 1 else self.union.own(tier)

    @property
    def untold(self) -> bool:
        """Whether what is held of it is not to be told yet."""
        return any(rank.untold for rank in self.ranks)

    def held(self, tier: str) -> Container[int]:
        """Own hashes of a tier's blocks, to look one up."""
        return self.holdings.held(tier) if len(self.ranks) == 1 else self.union.held(tier)

    def report(self, now: float) -> fleet_pb2.ReplicaReport:
        """What it is doing, as the wire says it."""
        reading = self.reading
        return fleet_pb2.ReplicaReport(
            name=self.name,
            ready=self.ready,
            reason=self.barred or self.readiness.reason or self._emptying(),
            running=reading.running,
            waiting=reading.waiting,
            kv_used=reading.kv_used,
            kv_tokens=reading.kv_tokens,
            age_s=max(now - self.asked_at, 0.0),
            knowledge=self.knowledge.value,
        )


class Roster:
    """Every replica that discovery names."""

    def __init__(self, hasher: Hasher, *, failures: int = 3, limit_blocks: int, ranks: int = 1) -> None:
        self.changes = Changes()
        self.directions = fleet_pb2.Directions()  # what routers are to do
        self._said = self.directions  # the part of them that discovery says
        self._boundaries: Sequence[fleet_pb2.Boundary] = ()
        self._elastic: Sequence[fleet_pb2.Replica] = ()
        self._hasher, self._failures, self._limit, self._ranks = hasher, failures, limit_blocks, ranks
        self._entries: dict[str, Entry] = {}
        self._epochs: dict[str, int] = {}  # the last of every replica ever entered: one that comes back goes on from it

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> Entry | None:
        """The entry of that name, if there is one."""
        return self._entries.get(name)

    def direct(self, directions: fleet_pb2.Directions) -> None:
        """What routers are to do from now on."""
        self._said = directions
        self._direct()

    def bound(self, boundaries: Sequence[fleet_pb2.Boundary]) -> None:
        """Where pools are divided by length from now on."""
        self._boundaries = boundaries
        self._direct()

    def _direct(self) -> None:
        whole = fleet_pb2.Directions()
        whole.CopyFrom(self._said)
        whole.elastic.extend(self._elastic)
        whole.boundaries.extend(self._boundaries)
        if whole != self.directions:
            self.directions = whole
            self.changes.directed()

    def expect(self, elastic: Sequence[fleet_pb2.Replica]) -> None:
        """The pools that get replicas when requests wait: one of each, as it would be."""
        self._elastic = elastic
        self._direct()

    def enter(self, described: fleet_pb2.Replica, epoch: int = 0) -> Entry:
        """A replica joins, or comes back as another: nothing of its cache is known. The given epoch, if higher."""
        mine = fleet_pb2.Replica()
        mine.CopyFrom(described)
        mine.epoch = self._epochs[mine.name] = max(epoch, self._epochs.get(mine.name, 0) + 1)
        entry = self._entries[described.name] = Entry(
            described=mine,
            readiness=Readiness(failures=self._failures),
            file_events=bool(described.events),
            ranks=[self._rank(each) for each in ranks(Source(0, described.events, described.replay), self._ranks)],
        )
        self.changes.described(entry.name)
        self.changes.reported(entry.name)
        self._tell(entry, entry.holdings.clear())
        return entry

    def publishes(self, entry: Entry, said: list[Source]) -> bool:
        """The engine said where each of its ranks publishes; True when that is news, and its cache is to be learned."""
        first = entry.ranks[0]
        sources = placed(said, first.events, first.replay) if entry.file_events else said
        entry.sources_asked = True
        if not sources or [source[:3] for source in sources] == [(r.number, r.events, r.replay) for r in entry.ranks]:
            for rank, source in zip(entry.ranks, sources, strict=False):
                rank.topic = source.topic
            return False
        entry.ranks = [self._rank(source) for source in sources]
        entry.described.events, entry.described.replay = sources[0].events, sources[0].replay
        self.changes.described(entry.name)
        self.changes.reported(entry.name)
        self._tell(entry, entry.union.clear())
        self.recall(entry, entry.kept)
        return True

    def recall(self, entry: Entry, kept: Mapping[int, Snapshot]) -> None:
        """What a registry kept of its ranks, so far as it is of this epoch."""
        entry.kept = {number: one for number, one in kept.items() if one.epoch == entry.epoch}
        for rank in entry.ranks:
            snapshot = entry.kept.get(rank.number)
            if snapshot is not None and rank.replay and snapshot.sequence > UNSEEN:
                self.restore(entry, snapshot, rank)

    def describe(self, entry: Entry, described: fleet_pb2.Replica) -> None:
        """Other facts of the same process."""
        epoch, adapters, role = entry.epoch, tuple(entry.described.adapters), entry.described.role
        entry.described.CopyFrom(described)
        if entry.role_told:
            entry.described.role = role
        if entry.adapters_told:
            entry.described.adapters[:] = adapters
        if entry.limit_told:
            entry.described.context_limit = entry.limit_told
        entry.described.epoch = epoch
        entry.described.events, entry.described.replay = entry.ranks[0].events, entry.ranks[0].replay
        entry.described.block_tokens = entry.reading.block_tokens or described.block_tokens
        self.changes.described(entry.name)

    def drain(self, entry: Entry, role: str) -> None:
        """It gets nothing new until it is empty and takes that role."""
        entry.becoming = role
        self.changes.reported(entry.name)

    def turn(self, entry: Entry, role: str) -> None:
        """It has another role from now on; what it holds it serves to its end."""
        entry.described.role, entry.role_told, entry.becoming = role, True, ""
        self.changes.described(entry.name)
        self.changes.reported(entry.name)

    def remember_start(self, entry: Entry, started: float) -> None:
        """When its process started, as an earlier pool saw it: another time now shows it to have restarted."""
        entry.reading = replace(entry.reading, started=started)

    def restore(self, entry: Entry, snapshot: Snapshot, rank: Rank | None = None) -> None:
        """What a registry kept of a rank: told to nobody until its events are seen to go on from there."""
        rank = rank or entry.ranks[0]
        rank.cursor.advance(snapshot.sequence, snapshot.at)
        entry.reading = replace(entry.reading, started=snapshot.started)
        rank.holdings.block_tokens = snapshot.block_tokens
        rank.untold = [rank.holdings.restore(tier, blocks) for tier, blocks in snapshot.tiers.items()]
        for change in rank.untold:
            self._together(entry, change)

    def leave(self, name: str) -> None:
        """A replica is no longer part of the fleet."""
        del self._entries[name]
        self.changes.left(name)

    def bar(self, entry: Entry, why: str) -> bool:
        """Discovery says that it may not be sent work, or with no reason that it may; True when that is news."""
        if entry.barred == why:
            return False
        entry.barred = why
        self.changes.reported(entry.name)
        return True

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

    def serves(self, entry: Entry, adapters: tuple[str, ...]) -> None:
        """It said which LoRA adapters it serves beside its model: its word goes before the file's."""
        entry.adapters_told = True
        if tuple(entry.described.adapters) != adapters:
            entry.described.adapters[:] = adapters
            self.changes.described(entry.name)

    def takes(self, entry: Entry, tokens: int) -> None:
        """It said how long a request it takes: its word goes before the file's."""
        entry.limit_told = tokens
        if tokens and entry.described.context_limit != tokens:
            entry.described.context_limit = tokens
            self.changes.described(entry.name)

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
        entry.kept, entry.sources_asked = {}, False
        self.changes.described(entry.name)
        for rank in entry.ranks:
            rank.restart()
            rank.holdings.clear()
        self._tell(entry, entry.union.clear())
        for rank in entry.ranks:
            if rank.events:
                self.know(entry, Knowledge.UNKNOWN, rank)

    def heard(self, entry: Entry, rank: Rank, events: tuple[Event, ...]) -> None:
        """A rank said what changed in its cache."""
        self.cached(entry, rank.changed(events, entry.described.block_tokens))
        size = rank.holdings.block_tokens
        if size not in (0, entry.described.block_tokens):
            entry.described.block_tokens = size  # the engine's word goes before the file's
            self.changes.described(entry.name)
        self._heal(entry, rank)

    def cached(self, entry: Entry, changes: Iterable[Change | None]) -> None:
        """A rank's cache holds something else."""
        for change in changes:
            for told in self._together(entry, change) if change is not None else ():
                self._tell(entry, told)

    def lost(self, entry: Entry, rank: Rank | None = None) -> None:
        """Events are missing for good: drop what is known and build again from what is seen."""
        rank = rank or entry.ranks[0]
        self.cached(entry, [rank.holdings.lose()])
        self.know(entry, Knowledge.UNKNOWN, rank)

    def know(self, entry: Entry, knowledge: Knowledge, rank: Rank | None = None) -> None:
        """Say how well a rank's cache is known from here on."""
        rank, before = rank or entry.ranks[0], entry.knowledge
        if knowledge is Knowledge.UNKNOWN:
            rank.missed_at_blocks = rank.holdings.stored_blocks
        rank.knowledge = knowledge
        untold, rank.untold = rank.untold, []
        if entry.knowledge is not before:
            self.changes.reported(entry.name)
        elif not untold:
            return
        if knowledge is Knowledge.EXACT:  # a router drops what it was told under the other knowledge
            alone = untold and len(entry.ranks) == 1
            for change in untold if alone else [Change(STORED, entry.own(tier), tier) for tier in entry.tiers()]:
                self._tell(entry, change)

    def _rank(self, source: Source) -> Rank:
        return Rank(
            number=source.rank,
            events=source.events,
            replay=source.replay,
            topic=source.topic,
            holdings=Holdings(self._hasher, self._limit),
            knowledge=Knowledge.UNKNOWN if source.events else Knowledge.APPROXIMATE,
        )

    def _heal(self, entry: Entry, rank: Rank) -> None:
        """A cache into which as many blocks have come as it has room for holds nothing that was not seen coming."""
        since = rank.holdings.stored_blocks - rank.missed_at_blocks
        room = entry.reading.blocks // len(entry.ranks)
        if rank.knowledge is Knowledge.UNKNOWN and 0 < room <= since:
            self.know(entry, Knowledge.EXACT, rank)

    def _together(self, entry: Entry, change: Change) -> list[Change]:
        """What one rank's change is for the replica."""
        if len(entry.ranks) == 1:
            return [change]
        if change.kind == CLEARED:
            return entry.union.settle([rank.holdings for rank in entry.ranks])
        told = entry.union.take(change)
        return [told] if told is not None else []

    def _tell(self, entry: Entry, change: Change) -> None:
        size = entry.holdings.block_tokens or entry.described.block_tokens
        self.changes.cached(entry.name, entry.epoch, max(entry.cursor.last, 0), size, change)
