"""What routers elsewhere have in flight, through Redis: each says what it sent, reads what the others did, and adds it.

Every router's process has a random name and a key that expires: one that dies is gone from everybody's view within
`keys.LOAD_TTL_S`. A tick is one write and one read of at most MOST_ROUTERS small values. Without Redis the router goes
on from what it sent itself and from what replicas report, says so once a minute, and takes it up again when it is back.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic, time
from typing import Any

import numpy as np
import numpy.typing as npt
from redis.exceptions import RedisError

from router.peers import ROWS, WIDTH, Peers, Shares
from weir import keys
from weir.redis_url import connected

log = logging.getLogger(__name__)

EVERY_S = 0.1
LOOK_S = 1.0  # how often it is asked which routers there are
SILENT_S = 5.0  # a router that has not said for so long that it runs is not asked
AGAIN_S = 2.0  # how long a lost Redis is left alone
SAY_S = 60.0
MOST_ROUTERS = 64
MOST_LOAD = 1e12  # of anything: what is more is no count
FAILURES = (RedisError, OSError, RuntimeError)  # RuntimeError: a cluster's client that found no node


@dataclass(slots=True)
class RegistryState:
    """What the metrics say of it."""

    up: bool = True
    losses: int = 0  # ticks that Redis did not answer
    rejected: int = 0  # values of other routers that were none
    others: int = 0  # routers heard of in the last tick


class LoadShare:
    """One router's part in it."""

    def __init__(self, url: str, peers: Peers, timeout_s: float = 0.5) -> None:
        self.state = RegistryState()
        self.process = token_hex(8)
        self._redis: Any = connected(url, timeout_s)
        self._peers, self._elsewhere = peers, peers.parts - 1  # the last part of the shared memory is the others'
        self._others: tuple[str, ...] = ()
        self._look_at = self._heard_at = 0.0
        self._say_at = -SAY_S
        self._empty = True  # nothing of others is counted here

    async def run(self) -> None:
        """Tell and hear for ever; at the end nothing of this process is left behind."""
        try:
            while True:
                answered = await self.tick()
                await asyncio.sleep(EVERY_S if answered else AGAIN_S)
        finally:
            await self.close()

    async def tick(self) -> bool:
        """Tell what was sent here, hear what was sent elsewhere; False when Redis did not answer."""
        try:
            told = await self._exchange(pack(*self._peers.sent_here(self._elsewhere)))
        except FAILURES as error:
            self._lost(error)
            return False
        self._heard(told)
        return True

    async def close(self) -> None:
        """Leave, and let the connection go."""
        self._forget()
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.delete(keys.load(self.process))
                pipe.hdel(keys.ROUTERS, self.process)
                await pipe.execute()
        except FAILURES:
            pass  # the lease runs out by itself
        await self._redis.aclose()

    async def _exchange(self, mine: bytes) -> list[bytes]:
        """One round trip: this process's part out, the others' in."""
        looks, asked = monotonic() >= self._look_at, self._others
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(keys.load(self.process), mine, px=int(1000 * keys.LOAD_TTL_S))
            for other in asked:
                pipe.get(keys.load(other))
            if looks:
                pipe.hset(keys.ROUTERS, self.process, int(1000 * time()))
                pipe.hgetall(keys.ROUTERS)
            answers = await pipe.execute()
        if looks:
            await self._meet(answers[-1])
        return [part for part in answers[1 : 1 + len(asked)] if part is not None]

    async def _meet(self, said: dict[bytes, bytes]) -> None:
        """Who else runs, by their own word; those silent for a minute are taken off the list."""
        self._look_at = monotonic() + LOOK_S
        seen = {name.decode("ascii", "replace"): _age_s(at) for name, at in said.items() if len(name) == 16}
        silent = [name for name, age_s in seen.items() if age_s > SAY_S]
        if silent:
            await self._redis.hdel(keys.ROUTERS, *silent)
        alive = sorted(name for name, age_s in seen.items() if age_s <= SILENT_S and name != self.process)
        self._others = tuple(alive[:MOST_ROUTERS])

    def _heard(self, told: list[bytes]) -> None:
        if not self.state.up:
            log.warning("Redis is back: what other routers sent is known again")
        self.state.up, self._heard_at = True, monotonic()
        parts = [part for part in map(unpack, told) if part is not None]
        self.state.others = len(parts)
        self.state.rejected += len(told) - len(parts)
        if parts:
            self._peers.put(self._elsewhere, *together(parts))
            self._empty = False
        else:
            self._forget()

    def _lost(self, error: Exception) -> None:
        now = monotonic()
        self.state.up, self.state.losses = False, self.state.losses + 1
        if now - self._say_at >= SAY_S:
            self._say_at = now
            log.warning("Redis is lost, what other routers send is seen only when replicas are asked: %s", error)
        if now - self._heard_at >= keys.LOAD_TTL_S:
            self.state.others = 0
            self._forget()

    def _forget(self) -> None:
        """Count nothing of others: it would be out of date."""
        if not self._empty:
            self._peers.put(self._elsewhere, np.empty(0), np.empty((0, WIDTH)))
            self._empty = True


Part = tuple[npt.NDArray[np.float64], Shares]
"""Replicas' keys, and the load on each, shape [replicas, WIDTH]."""


def pack(replicas: npt.NDArray[np.float64], shares: Shares) -> bytes:
    """A part as it stands in Redis; 28 bytes a replica."""
    found = np.empty(len(replicas), dtype=keys.LOAD)
    found["key"], found["load"] = replicas, shares
    return found.tobytes()


def unpack(told: bytes) -> Part | None:
    """The part; None when it is none: another length, or numbers that count nothing."""
    if len(told) % keys.LOAD.itemsize or len(told) > ROWS * keys.LOAD.itemsize:
        return None
    found = np.frombuffer(told, dtype=keys.LOAD)
    load = found["load"].astype(np.float64)
    if not (np.isfinite(load).all() and (load >= 0.0).all() and (load < MOST_LOAD).all()):
        return None
    return found["key"].astype(np.float64), load


def together(parts: Iterable[Part]) -> Part:
    """All parts as one; a replica may come more than once."""
    replicas, loads = zip(*parts, strict=True)
    return np.concatenate(replicas), np.concatenate(loads)


def _age_s(at: bytes) -> float:
    """Seconds since somebody said so; a clock that is ahead says now."""
    return max(time() - int(at) / 1000.0, 0.0) if at.isdigit() and len(at) < 16 else 1e9
