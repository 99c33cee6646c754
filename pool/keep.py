"""Keeping leases and snapshots in the registry, and taking them up again."""

import asyncio
from dataclasses import dataclass, field

from pool.ranks import Knowledge, Rank
from pool.registry.port import Member, Registry, Snapshot
from pool.roster import Entry, Roster

RENEWALS = 3  # of a lease before it would run out
SOON_S = 0.05  # until it is looked again whether there is anybody


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Writes what would be lost with this process."""

    roster: Roster
    registry: Registry
    lease_s: float = 10.0
    snapshot_interval_s: float = 10.0
    _saved: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)  # name, rank → (epoch, sequence) kept

    async def renew(self) -> None:
        """Keep every replica's lease, for ever."""
        while True:
            now = asyncio.get_running_loop().time()
            members = [_member(entry, now) for entry in self.roster]
            await self.registry.renew(members, self.lease_s)
            await asyncio.sleep(self.lease_s / RENEWALS if members else SOON_S)

    async def snapshots(self) -> None:
        """Save every cache that changed, for ever."""
        while True:
            await asyncio.sleep(self.snapshot_interval_s)
            await self.save()

    async def save(self) -> None:
        """Save every cache that is known exactly and has changed since it was last saved."""
        for entry in self.roster:
            for rank in entry.ranks:
                key, now = (entry.name, rank.number), (entry.epoch, rank.cursor.last)
                if rank.knowledge is Knowledge.EXACT and rank.replay and self._saved.get(key) != now:
                    await self.registry.save(entry.name, snapshot_of(entry, rank), rank.number)
                    self._saved[key] = now
                    await asyncio.sleep(0)

    async def kept(self, name: str, ranks: int) -> dict[int, Snapshot]:
        """The last snapshots of a replica's ranks."""
        found = await asyncio.gather(*(self.registry.load(name, rank) for rank in range(ranks)))
        return {rank: snapshot for rank, snapshot in enumerate(found) if snapshot is not None}

    async def leave(self, name: str) -> None:
        """Forget a replica."""
        self._saved = {key: kept for key, kept in self._saved.items() if key[0] != name}
        await self.registry.leave(name)


def snapshot_of(entry: Entry, rank: Rank | None = None) -> Snapshot:
    """All that a rank's cache holds; the first one's where none is named."""
    rank = rank or entry.ranks[0]
    holdings = rank.holdings
    return Snapshot(
        epoch=entry.epoch,
        sequence=rank.cursor.last,
        at=rank.cursor.at,
        block_tokens=holdings.block_tokens,
        started=entry.reading.started,
        tiers={tier: holdings.columns(tier) for tier in holdings.tiers()},
    )


def _member(entry: Entry, now: float) -> Member:
    return Member(
        described=entry.described, report=entry.report(now), started=entry.reading.started, ranks=len(entry.ranks)
    )
