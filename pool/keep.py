"""Keeping leases and snapshots in the registry, and taking them up again."""

import asyncio
from dataclasses import dataclass, field

from pool.registry.port import Member, Registry, Snapshot
from pool.roster import Entry, Knowledge, Roster

RENEWALS = 3  # of a lease before it would run out


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Writes what would be lost with this process."""

    roster: Roster
    registry: Registry
    lease_s: float = 10.0
    snapshot_interval_s: float = 10.0
    _saved: dict[str, tuple[int, int]] = field(default_factory=dict)  # name → (epoch, sequence) last kept

    async def renew(self) -> None:
        """Keep every replica's lease, for ever."""
        while True:
            now = asyncio.get_running_loop().time()
            members = [_member(entry, now) for entry in self.roster]
            await self.registry.renew(members, self.lease_s)
            await asyncio.sleep(self.lease_s / RENEWALS)

    async def snapshots(self) -> None:
        """Save every cache that changed, for ever."""
        while True:
            await asyncio.sleep(self.snapshot_interval_s)
            await self.save()

    async def save(self) -> None:
        """Save every cache that is known exactly and has changed since it was last saved."""
        for entry in self.roster:
            now = (entry.epoch, entry.cursor.last)
            if entry.knowledge is Knowledge.EXACT and entry.described.replay and self._saved.get(entry.name) != now:
                await self.registry.save(entry.name, snapshot_of(entry))
                self._saved[entry.name] = now
                await asyncio.sleep(0)

    async def leave(self, name: str) -> None:
        """Forget a replica."""
        self._saved.pop(name, None)
        await self.registry.leave(name)


def snapshot_of(entry: Entry) -> Snapshot:
    """All that an entry's cache holds."""
    holdings = entry.holdings
    return Snapshot(
        epoch=entry.epoch,
        sequence=entry.cursor.last,
        at=entry.cursor.at,
        block_tokens=holdings.block_tokens,
        started=entry.reading.started,
        tiers={tier: holdings.columns(tier) for tier in holdings.tiers()},
    )


def _member(entry: Entry, now: float) -> Member:
    return Member(described=entry.described, report=entry.report(now), started=entry.reading.started)
