"""The roster and its changes as messages, none of them too large for a default gRPC client. No I/O."""

from collections.abc import Iterable, Iterator

from pool.changes import Changes, Pending
from pool.holdings import STORED
from pool.roster import Entry, Roster
from weir.v1 import fleet_pb2

MOST_BLOCKS = 1 << 14  # blocks in one message, 128 KiB: what a router takes in before it turns to its requests


def whole(roster: Roster, version: int, now: float) -> fleet_pb2.FleetUpdate:
    """Every replica, report and direction, no events."""
    return fleet_pb2.FleetUpdate(
        version=version,
        snapshot=True,
        replicas=[entry.described for entry in roster],
        reports=[entry.report(now) for entry in roster],
        directions=roster.directions,
    )


def held(roster: Roster, version: int) -> Iterator[fleet_pb2.FleetUpdate]:
    """What every cache holds, as stored events after `whole`.

    Who is told of is settled now, what it holds when its turn comes. Changes made meanwhile are also told as deltas
    after this, and telling a change twice is harmless; but one who restarts meanwhile is told by its deltas alone.
    """
    return _held(roster, [(entry, entry.epoch) for entry in roster], version)


def _held(roster: Roster, began: list[tuple[Entry, int]], version: int) -> Iterator[fleet_pb2.FleetUpdate]:
    for entry, epoch in began:
        for tier in entry.tiers():
            same = roster.get(entry.name) is entry and entry.epoch == epoch and not entry.untold
            own = entry.own(tier) if same else []
            for blocks in _pieces(own):
                yield fleet_pb2.FleetUpdate(version=version, events=[_stored(entry, tier, blocks)])


def delta(roster: Roster, changes: Changes, version: int, now: float) -> list[fleet_pb2.FleetUpdate]:
    """The changes as one message, or more where there is much to tell; the first carries all but some events."""
    entries = [entry for entry in map(roster.get, changes.replicas) if entry is not None]
    reports = [entry.report(now) for entry in map(roster.get, changes.reports) if entry is not None]
    first = fleet_pb2.FleetUpdate(
        version=version,
        replicas=[entry.described for entry in entries],
        removed=list(changes.removed),
        reports=reports,
    )
    if changes.directions:
        first.directions.CopyFrom(roster.directions)
    updates, room = [first], MOST_BLOCKS
    for event in _events(changes.events):
        if len(event.blocks) > room:
            updates.append(fleet_pb2.FleetUpdate(version=version))
            room = MOST_BLOCKS
        room -= len(event.blocks)
        updates[-1].events.append(event)
    return updates


def without_events(updates: list[fleet_pb2.FleetUpdate]) -> list[fleet_pb2.FleetUpdate]:
    """The same delta for a subscriber that wants none of the caches."""
    plain = fleet_pb2.FleetUpdate()
    plain.CopyFrom(updates[0])
    del plain.events[:]
    told = plain.replicas or plain.removed or plain.reports or plain.HasField("directions")
    return [plain] if told else []


def _events(pending: Iterable[Pending]) -> Iterator[fleet_pb2.KvEvent]:
    for each in pending:
        for blocks in _pieces(each.change.blocks) or [[]]:
            yield fleet_pb2.KvEvent(
                replica=each.replica,
                epoch=each.epoch,
                sequence=each.sequence,
                kind=each.change.kind,
                blocks=blocks,
                tier=each.change.tier,
                block_tokens=each.block_tokens,
            )


def _stored(entry: Entry, tier: str, blocks: list[int]) -> fleet_pb2.KvEvent:
    return fleet_pb2.KvEvent(
        replica=entry.name,
        epoch=entry.epoch,
        sequence=max(entry.cursor.last, 0),
        kind=STORED,
        blocks=blocks,
        tier=tier,
        block_tokens=entry.holdings.block_tokens or entry.described.block_tokens,
    )


def _pieces(blocks: list[int]) -> list[list[int]]:
    return [blocks[at : at + MOST_BLOCKS] for at in range(0, len(blocks), MOST_BLOCKS)]
