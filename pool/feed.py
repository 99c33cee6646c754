"""The fan-out: every subscriber is sent the whole fleet, then its changes; one too slow is sent the whole again."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from pool import updates
from pool.roster import Roster
from weir.v1 import fleet_pb2

MOST_WAITING_BYTES = 16 << 20  # of deltas not yet sent to one subscriber

Encoded = bytes
"""A serialised weir.v1.FleetUpdate: encoded once, whoever reads it."""


class Subscriber:
    """One stream: a bounded queue of deltas, and a snapshot where it begins or has fallen behind."""

    def __init__(self, feed: "Feed", *, events: bool, limit_bytes: int = MOST_WAITING_BYTES) -> None:
        self.events = events
        self.behind = 0  # times it was too slow
        self._feed, self._limit = feed, limit_bytes
        self._queue: deque[Encoded] = deque()
        self._waiting = 0  # bytes in the queue
        self._snapshot: Iterator[Encoded] | None = None
        self._stale = True
        self._wake = asyncio.Event()

    def offer(self, encoded: Encoded) -> None:
        """A delta; one that does not fit makes the subscriber start again from a snapshot."""
        if self._stale:
            return
        self._waiting += len(encoded)
        self._queue.append(encoded)
        if self._waiting > self._limit:
            self._stale, self._waiting = True, 0
            self._queue.clear()
            self.behind += 1
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self._feed.closed(self)
        self._wake.set()

    async def updates(self) -> AsyncGenerator[Encoded, None]:
        """What to send, for as long as the feed is open."""
        while not self._feed.ended:
            encoded = self._next()
            if encoded is not None:
                yield encoded
                continue
            self._wake.clear()
            await self._wake.wait()

    def _next(self) -> Encoded | None:
        if self._stale:
            self._feed.flush()  # what is pending is part of the snapshot
            self._stale, self._snapshot = False, self._feed.snapshot(events=self.events)
        if self._snapshot is not None:
            encoded = next(self._snapshot, None)
            if encoded is not None:
                return encoded
            self._snapshot = None
        if not self._queue:
            return None
        encoded = self._queue.popleft()
        self._waiting -= len(encoded)
        return encoded


class Feed:
    """Turns the roster's changes into updates, a little after the first of them so that they go together."""

    def __init__(self, roster: Roster, coalesce_s: float = 0.02, clock: Callable[[], float] = monotonic) -> None:
        self.version = 0
        self.ended = False
        self.resyncs = 0  # snapshots sent to subscribers that had fallen behind, of those that left
        self._roster, self._coalesce_s, self._clock = roster, coalesce_s, clock
        self._subscribers: dict[Subscriber, None] = {}
        self._told: set[str] = set()  # replicas that subscribers have heard of
        self._silent = True  # nothing was sent since the last heartbeat
        self._waiting: set[asyncio.Event] = set()  # for others to be in the fleet
        roster.changes.awake = self._schedule

    def __len__(self) -> int:
        return len(self._subscribers)

    def subscribe(self, *, events: bool = True) -> Subscriber:
        """A new stream."""
        subscriber = Subscriber(self, events=events)
        self._subscribers[subscriber] = None
        return subscriber

    def closed(self, subscriber: Subscriber) -> None:
        """A stream has ended."""
        self._subscribers.pop(subscriber, None)
        self.resyncs += subscriber.behind

    def fallen_behind(self) -> int:
        """Snapshots sent because a subscriber was too slow, ever."""
        return self.resyncs + sum(subscriber.behind for subscriber in list(self._subscribers))

    def flush(self) -> None:
        """Send what has changed, now."""
        changes = self._roster.changes.take()
        changes.removed = {name: None for name in changes.removed if name in self._told}
        if not changes:
            return
        self._told = (self._told | changes.replicas.keys()) - changes.removed.keys()
        if changes.replicas or changes.removed:
            self._wake()
        self.version += 1
        told = updates.delta(self._roster, changes, self.version, self._clock())
        self._send(told, events=True)
        self._send(updates.without_events(told), events=False)

    def snapshot(self, *, events: bool) -> Iterator[Encoded]:
        """The whole fleet, then, lazily, what its caches hold."""
        caches = updates.held(self._roster, self.version) if events else ()
        yield self.whole().SerializeToString()
        for update in caches:
            yield update.SerializeToString()

    def whole(self) -> fleet_pb2.FleetUpdate:
        """Every replica and report."""
        return updates.whole(self._roster, self.version, self._clock())

    async def beat(self, every_s: float) -> None:
        """Send something at least that often, so that a router can tell a quiet pool from a dead one."""
        while True:
            await asyncio.sleep(every_s)
            if self._silent:
                for events in (True, False):
                    self._send([fleet_pb2.FleetUpdate(version=self.version)], events=events)
            self._silent = True

    def end(self) -> None:
        """End every stream."""
        self.ended = True
        self._wake()
        for subscriber in list(self._subscribers):
            subscriber.close()

    @contextmanager
    def members_wake(self, event: asyncio.Event) -> Iterator[None]:
        """Set an event whenever replicas come, go or are others, and at the end."""
        self._waiting.add(event)
        try:
            yield
        finally:
            self._waiting.discard(event)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def _send(self, told: list[fleet_pb2.FleetUpdate], *, events: bool) -> None:
        to = [subscriber for subscriber in self._subscribers if subscriber.events is events]
        if not to:
            return
        for update in told:
            self._silent = False
            encoded = update.SerializeToString()
            for subscriber in to:
                subscriber.offer(encoded)

    def _schedule(self) -> None:
        asyncio.get_running_loop().call_later(self._coalesce_s, self.flush)
