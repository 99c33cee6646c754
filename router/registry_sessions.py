"""Where each session was last sent, so that a restarted router knows: held here, written to Redis behind the requests.

Bounded: MOST sessions here, the oldest forgotten first; in Redis whole windows expire. A session is its 31-bit hash:
two that share one cost a cache miss, not an error.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from time import time
from typing import Any

from policies.request import hash31
from router.registry_load import AGAIN_S, FAILURES
from weir import keys
from weir.redis_url import connected

EVERY_S = 0.25
MOST = 1 << 18
MOST_AT_ONCE = 4096  # written in one round trip
WINDOW_S = keys.SESSION_WINDOW_S


class Sessions:
    """The sessions of one router."""

    def __init__(self, url: str, timeout_s: float = 0.5, most: int = MOST) -> None:
        self.up, self.written, self.unwritten = True, 0, 0
        self._redis: Any = connected(url, timeout_s)
        self._most = most
        self._last: OrderedDict[int, str] = OrderedDict()  # session's hash → replica, the latest last
        self._pending: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._last)

    def sent(self, session: str, replica: str) -> None:
        """A request of a session went to a replica."""
        key = hash31(session)
        self._last[key] = replica
        self._last.move_to_end(key)
        if len(self._last) > self._most:
            self._last.popitem(last=False)
        if len(self._pending) < self._most:
            self._pending[key] = replica
        else:
            self.unwritten += 1

    def last(self, session: str) -> str:
        """The replica it was last sent to; empty when that is not known."""
        return self._last.get(hash31(session), "")

    async def run(self) -> None:
        """Learn what is kept, then write behind, for ever."""
        learned = False
        while True:
            answered = await self._tried(self.write() if learned else self.learn())
            learned |= answered
            await asyncio.sleep(EVERY_S if answered else AGAIN_S)

    async def learn(self) -> None:
        """Take in what is kept; what was sent meanwhile is newer. Raises what Redis raises."""
        now = int(time() / WINDOW_S)
        kept: OrderedDict[int, str] = OrderedDict()
        for window in range(now - keys.SESSION_WINDOWS + 1, now + 1):
            for shard in range(keys.SESSION_SHARDS):
                for key, replica in _read(await self._redis.hgetall(keys.sessions(window, shard))):
                    kept[key] = replica
                    kept.move_to_end(key)
        kept.update(self._last)
        while len(kept) > self._most:
            kept.popitem(last=False)
        self._last = kept

    async def write(self) -> None:
        """Write what is new, a bounded number of sessions. Raises what Redis raises; they are written later then."""
        some = [*self._pending.items()][:MOST_AT_ONCE]
        if not some:
            return
        window = int(time() / WINDOW_S)
        async with self._redis.pipeline(transaction=False) as pipe:
            for shard, told in _by_shard(some).items():
                pipe.hset(keys.sessions(window, shard), mapping=told)
                pipe.expire(keys.sessions(window, shard), int(keys.SESSION_WINDOWS * WINDOW_S))
            await pipe.execute()
        self.written += len(some)
        for key, replica in some:
            if self._pending.get(key) == replica:
                del self._pending[key]

    async def close(self) -> None:
        """Let the connection go."""
        await self._redis.aclose()

    async def _tried(self, asked: Any) -> bool:
        try:
            await asked
        except FAILURES:
            self.up = False
            return False
        self.up = True
        return True


def _by_shard(some: Iterable[tuple[int, str]]) -> dict[int, dict[int, str]]:
    shards: dict[int, dict[int, str]] = {}
    for key, replica in some:
        shards.setdefault(key % keys.SESSION_SHARDS, {})[key] = replica
    return shards


def _read(fields: dict[bytes, bytes]) -> Iterable[tuple[int, str]]:
    """What Weir wrote; anything else is left out."""
    for key, replica in fields.items():
        if key.isdigit() and len(key) <= 10:
            yield int(key), replica.decode("utf-8", "replace")
