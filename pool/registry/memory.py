"""The registry in this process: gone when it ends."""

from collections.abc import Callable, Sequence
from time import monotonic

from pool.registry.port import Member, Snapshot


class MemoryRegistry:
    """A `Registry` of two dictionaries."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._members: dict[str, tuple[Member, float]] = {}
        self._snapshots: dict[str, dict[int, Snapshot]] = {}

    async def renew(self, members: Sequence[Member], lease_s: float) -> None:
        """See `Registry`."""
        until = self._clock() + lease_s
        self._members.update({member.described.name: (member, until) for member in members})

    async def leave(self, name: str) -> None:
        """See `Registry`."""
        self._members.pop(name, None)
        self._snapshots.pop(name, None)

    async def members(self) -> dict[str, Member]:
        """See `Registry`."""
        now = self._clock()
        self._members = {name: held for name, held in self._members.items() if held[1] > now}
        return {name: member for name, (member, _) in self._members.items()}

    async def save(self, name: str, snapshot: Snapshot, rank: int = 0) -> None:
        """See `Registry`."""
        self._snapshots.setdefault(name, {})[rank] = snapshot

    async def load(self, name: str, rank: int = 0) -> Snapshot | None:
        """See `Registry`."""
        return self._snapshots.get(name, {}).get(rank)

    async def holders(self, blocks: Sequence[int]) -> dict[str, int]:
        """See `Registry`."""
        found = {name: self._leading(name, member, blocks) for name, member in (await self.members()).items()}
        return {name: leading for name, leading in found.items() if leading}

    async def close(self) -> None:
        """See `Registry`."""

    def _leading(self, name: str, member: Member, blocks: Sequence[int]) -> int:
        epoch = member.described.epoch
        alive = [snapshot for snapshot in self._snapshots.get(name, {}).values() if snapshot.epoch == epoch]
        held = {own for snapshot in alive for columns in snapshot.tiers.values() for own in columns.own.tolist()}
        return next((place for place, block in enumerate(blocks) if block not in held), len(blocks))
