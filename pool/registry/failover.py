"""A registry that may go away, and memory that stays: loss is said once a minute, and heals by itself."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TypeVar

from pool.registry.port import Member, Registry, Snapshot, Unreachable

log = logging.getLogger(__name__)

T = TypeVar("T")
AGAIN_S = 2.0  # how long a lost registry is left alone
SAY_S = 60.0  # how often it is said that it still is


class Failover:
    """A `Registry` that never raises `Unreachable`: what the far one cannot do, the near one does."""

    def __init__(self, far: Registry, near: Registry, clock: Callable[[], float] = monotonic) -> None:
        self._far, self._near, self._clock = far, near, clock
        self._again_at = self._say_at = 0.0
        self.up = True
        self.losses = 0  # calls that it did not answer

    async def renew(self, members: Sequence[Member], lease_s: float) -> None:
        """See `Registry`; both keep it, so that either can answer alone."""
        await self._near.renew(members, lease_s)
        await self._try(lambda: self._far.renew(members, lease_s), _nothing)

    async def leave(self, name: str) -> None:
        """See `Registry`."""
        await self._near.leave(name)
        await self._try(lambda: self._far.leave(name), _nothing)

    async def members(self) -> dict[str, Member]:
        """See `Registry`."""
        return await self._try(self._far.members, self._near.members)

    async def save(self, name: str, snapshot: Snapshot, rank: int = 0) -> None:
        """See `Registry`; kept far only: here the pool itself knows better."""
        await self._try(lambda: self._far.save(name, snapshot, rank), _nothing)

    async def load(self, name: str, rank: int = 0) -> Snapshot | None:
        """See `Registry`."""
        return await self._try(lambda: self._far.load(name, rank), lambda: self._near.load(name, rank))

    async def holders(self, blocks: Sequence[int]) -> dict[str, int]:
        """See `Registry`; empty without the far one."""
        return await self._try(lambda: self._far.holders(blocks), lambda: self._near.holders(blocks))

    async def close(self) -> None:
        """See `Registry`."""
        await self._far.close()

    async def _try(self, far: Callable[[], Awaitable[T]], near: Callable[[], Awaitable[T]]) -> T:
        if self._clock() < self._again_at:
            return await near()
        try:
            answer = await far()
        except Unreachable as error:
            self._lost(error)
            return await near()
        self._found()
        return answer

    def _lost(self, error: Unreachable) -> None:
        self._again_at = self._clock() + AGAIN_S
        self.losses += 1
        if self.up or self._clock() >= self._say_at:
            log.warning("the registry is lost, going on from memory: %s", error)
            self._say_at = self._clock() + SAY_S
        self.up = False

    def _found(self) -> None:
        if not self.up:
            log.warning("the registry is back")
        self.up = True


async def _nothing() -> None:
    """What the near registry has to do when it has been told already."""
