"""Death at random: one process after another, now and then all of them for part of a second."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bench.kill.herd import Herd, Member

EVERY_S = 0.6  # mean seconds between kills
AWAY_S = (0.1, 1.5)  # how long a process stays dead before it is started again
BLACKOUT_EVERY_S = 3.0
BLACKOUT_S = 0.3  # all are dead so long, and then until the first one listens


@dataclass(slots=True, kw_only=True)
class Toll:
    """What was done."""

    kills: int = 0
    blackouts: int = 0
    longest_blackout_s: float = 0.0


class Killer:
    """Kills until told to stop, then brings everybody back."""

    def __init__(self, herd: Herd, random: Random, told: Callable[[str], None]) -> None:
        self.herd, self.toll = herd, Toll()
        self._random, self._told = random, told
        self._returns: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Kill at random; at least one process is left, but in a blackout."""
        loop = asyncio.get_running_loop()
        next_blackout = loop.time() + BLACKOUT_EVERY_S
        while not stop.is_set():
            await asyncio.sleep(self._random.expovariate(1.0 / EVERY_S))
            if loop.time() >= next_blackout:
                await self._black_out()
                next_blackout = loop.time() + BLACKOUT_EVERY_S
            elif len(listening := [member for member in self.herd.alive if member.listens()]) > 1:
                self._kill(self._random.choice(listening), self._random.uniform(*AWAY_S))
        await asyncio.gather(*self._returns)

    def _kill(self, member: Member, away_s: float) -> None:
        member.kill()
        self.toll.kills += 1
        returning = asyncio.ensure_future(self._return(member, away_s))
        self._returns.add(returning)
        returning.add_done_callback(self._returns.discard)

    async def _return(self, member: Member, away_s: float) -> None:
        await asyncio.sleep(away_s)
        if not member.alive:
            member.start()

    async def _black_out(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for member in self.herd.alive:
            self._kill(member, BLACKOUT_S)
        await self._anybody()
        took = loop.time() - begun
        self.toll.blackouts += 1
        self.toll.longest_blackout_s = max(self.toll.longest_blackout_s, took)
        self._told(f"nobody was there for {took:.2f} s")

    async def _anybody(self) -> None:
        """Wait until a process listens."""
        while not any(member.listens() for member in self.herd.alive):  # noqa: ASYNC110 (nothing but looking tells)
            await asyncio.sleep(0.02)
