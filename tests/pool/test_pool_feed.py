"""The fan-out: snapshots, deltas, slow subscribers."""

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool import updates
from pool.feed import Feed, Subscriber
from pool.holdings import CLEARED, TierBlocks
from pool.kv_events import Cleared, Removed
from pool.roster import Entry, Roster
from tests.pool.fakes import chained, described, roster, store, tokens
from weir.v1 import fleet_pb2


class Router:
    """What a watching router knows: the reference consumer of updates."""

    def __init__(self) -> None:
        self.replicas: dict[str, fleet_pb2.Replica] = {}
        self.ready: dict[str, bool] = {}
        self.held: dict[str, set[int]] = {}
        self.version, self.snapshots = -1, 0

    def take(self, encoded: bytes) -> None:
        update = fleet_pb2.FleetUpdate.FromString(encoded)
        assert update.version >= self.version
        self.version = update.version
        if update.snapshot:
            self.replicas, self.ready, self.held = {}, {}, {}
            self.snapshots += 1
        self.replicas.update({replica.name: replica for replica in update.replicas})
        for name in update.removed:
            self.replicas.pop(name), self.held.pop(name, None)
        self.ready.update({report.name: report.ready for report in update.reports})
        for event in update.events:
            assert event.epoch == self.replicas[event.replica].epoch
            held = self.held.setdefault(event.replica, set())
            if event.kind == fleet_pb2.KvEvent.STORED:
                held.update(event.blocks)
            elif event.kind == fleet_pb2.KvEvent.REMOVED:
                held.difference_update(event.blocks)
            else:
                held.clear()

    def drain(self, subscriber: Subscriber) -> None:
        while (encoded := subscriber._next()) is not None:
            self.take(encoded)


def knows(router: Router, fleet: Roster) -> bool:
    held = {entry.name: set(entry.holdings.own("hbm")) for entry in fleet}
    same = {name: router.held.get(name, set()) for name in router.replicas}
    epochs = {entry.name: entry.epoch for entry in fleet}
    return held == same and epochs == {name: replica.epoch for name, replica in router.replicas.items()}


def cached(fleet: Roster, entry: Entry, *events: Any) -> None:
    entry.cursor.advance(entry.cursor.wanted, 1.0)
    fleet.cached(entry, map(entry.holdings.apply, events))


@pytest.fixture
async def fleet() -> Roster:
    return roster(limit_blocks=1 << 20)


@pytest.fixture
async def feed(fleet: Roster) -> Feed:
    return Feed(fleet, coalesce_s=0.001, clock=lambda: 5.0)


async def test_the_first_update_carries_everything(fleet: Roster, feed: Feed) -> None:
    entry = fleet.enter(described())
    cached(fleet, entry, store([1, 2]))
    fleet.answered(entry)
    router = Router()
    router.drain(feed.subscribe())
    assert (router.snapshots, router.ready, router.held["a-0"]) == (1, {"a-0": True}, set(chained(2)))


async def test_changes_follow(fleet: Roster, feed: Feed) -> None:
    router, subscriber = Router(), feed.subscribe()
    router.drain(subscriber)
    entry = fleet.enter(described())
    cached(fleet, entry, store([1, 2]), Removed([2]))
    fleet.enter(described("a-1"))
    feed.flush()
    fleet.leave("a-1")
    feed.flush()
    router.drain(subscriber)
    assert (router.snapshots, knows(router, fleet)) == (1, True)


async def test_changes_wait_a_little_and_go_together(fleet: Roster, feed: Feed) -> None:
    subscriber, entry = feed.subscribe(), fleet.enter(described())
    Router().drain(subscriber)
    stream = subscriber.updates()
    for block in range(50):
        cached(fleet, entry, store([block + 1], block or None, tokens=tokens(1, first=4 * block)))
    update = fleet_pb2.FleetUpdate.FromString(await anext(stream))
    assert [(len(event.blocks), event.sequence, event.tier) for event in update.events] == [(50, 49, "hbm")]
    await stream.aclose()


async def test_who_wants_no_events_gets_none(fleet: Roster, feed: Feed) -> None:
    router, subscriber = Router(), feed.subscribe(events=False)
    router.drain(subscriber)
    entry = fleet.enter(described())
    feed.flush()
    cached(fleet, entry, store([1]))
    feed.flush()
    router.drain(subscriber)
    assert (list(router.replicas), router.held) == (["a-0"], {})


async def test_one_too_slow_starts_again_from_a_snapshot_and_memory_stays_bounded(fleet: Roster, feed: Feed) -> None:
    router, entry = Router(), fleet.enter(described())
    subscriber = Subscriber(feed, events=True, limit_bytes=1000)
    feed._subscribers[subscriber] = None
    router.drain(subscriber)
    for block in range(200):
        cached(fleet, entry, store([block + 1], block or None, tokens=tokens(1, first=4 * block)))
        feed.flush()
        assert subscriber._waiting <= 1000
    router.drain(subscriber)
    assert (router.snapshots, knows(router, fleet)) == (2, True)
    subscriber.close()
    assert feed.fallen_behind() >= 1


async def test_much_is_told_in_pieces_that_a_default_client_takes(fleet: Roster, feed: Feed) -> None:
    entry, count = fleet.enter(described()), 3 * updates.MOST_BLOCKS + 5
    own = np.arange(10, 10 + count, dtype=np.uint64)
    change = entry.holdings.restore("hbm", TierBlocks(own, own))
    late, early = feed.subscribe(), feed.subscribe()
    Router().drain(early)
    fleet.cached(entry, [change])
    feed.flush()
    for subscriber in (early, late):
        parts = []
        while (encoded := subscriber._next()) is not None:
            parts.append(encoded)
        assert len(parts) > 3
        assert max(map(len, parts)) < 1 << 20


async def test_a_restart_clears_and_what_was_pending_is_not_told(fleet: Roster, feed: Feed) -> None:
    router, subscriber, entry = Router(), feed.subscribe(), fleet.enter(described())
    router.drain(subscriber)
    cached(fleet, entry, store([1]))
    fleet.restart(entry)
    changes = fleet.changes.take()
    told = updates.delta(fleet, changes, 9, 0.0)[0]
    assert [(event.kind, event.epoch) for event in told.events] == [(CLEARED, 2)]


async def test_one_that_leaves_and_comes_back_is_a_new_epoch(fleet: Roster) -> None:
    first = fleet.enter(described()).epoch
    fleet.leave("a-0")
    assert fleet.enter(described()).epoch == first + 1


async def test_a_quiet_pool_still_beats(feed: Feed) -> None:
    subscriber = feed.subscribe()
    Router().drain(subscriber)
    beating = asyncio.create_task(feed.beat(0.01))
    stream = subscriber.updates()
    assert not fleet_pb2.FleetUpdate.FromString(await anext(stream)).snapshot
    beating.cancel()
    await stream.aclose()


async def test_streams_end_with_the_feed(feed: Feed) -> None:
    subscriber = feed.subscribe()
    task = asyncio.create_task(_all(subscriber))
    await asyncio.sleep(0)
    feed.end()
    assert len(await task) <= 1
    assert len(feed) == 0


async def _all(subscriber: Subscriber) -> list[bytes]:
    return [encoded async for encoded in subscriber.updates()]


steps = st.lists(
    st.tuples(st.sampled_from(["enter", "leave", "store", "remove", "clear", "restart", "lose", "flush", "next"]),
              st.integers(0, 2), st.integers(1, 6)),
    max_size=60,
)  # fmt: skip


@settings(deadline=None)
@given(steps)
def test_whatever_happens_whenever_it_is_read_a_router_ends_up_knowing(steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, int]]) -> None:
    fleet, router = roster(), Router()
    feed = Feed(fleet, clock=lambda: 0.0)
    subscriber = feed.subscribe()
    for what, which, block in steps:
        entry = fleet.get(f"a-{which}")
        if what == "next":
            encoded = subscriber._next()
            if encoded is not None:
                router.take(encoded)
        elif what == "flush":
            feed.flush()
        elif entry is None:
            fleet.enter(described(f"a-{which}"))
        elif what == "leave":
            fleet.leave(entry.name)
        elif what == "restart":
            fleet.restart(entry)
        elif what == "lose":
            fleet.lost(entry)
        else:
            event = {"store": store([block], tokens=[block] * 4), "remove": Removed([block])}.get(what, Cleared())
            cached(fleet, entry, event)
    feed.flush()
    router.drain(subscriber)
    assert knows(router, fleet)
    feed.end()


class TestDirections:
    def test_a_router_that_comes_is_told_what_to_do_and_later_only_when_that_is_another(self) -> None:
        fleet = roster()
        feed, said = Feed(fleet), fleet_pb2.Directions(policy="two_choices", ttft_s=1.5)
        fleet.changes.awake = lambda: None
        fleet.direct(said)
        subscriber = feed.subscribe()
        first = fleet_pb2.FleetUpdate.FromString(subscriber._next() or b"")
        assert (first.snapshot, first.directions) == (True, said)
        fleet.enter(described("r0"))
        feed.flush()
        assert not fleet_pb2.FleetUpdate.FromString(subscriber._next() or b"").HasField("directions")
        fleet.direct(fleet_pb2.Directions(policy="two_choices", ttft_s=1.5))
        assert not fleet.changes
        fleet.direct(fleet_pb2.Directions())
        feed.flush()
        told = fleet_pb2.FleetUpdate.FromString(subscriber._next() or b"")
        assert told.HasField("directions")
        assert not told.directions.policy

    def test_a_subscriber_without_events_hears_them_too(self) -> None:
        fleet = roster()
        feed = Feed(fleet)
        fleet.changes.awake = lambda: None
        subscriber = feed.subscribe(events=False)
        while subscriber._next() is not None:
            pass
        fleet.direct(fleet_pb2.Directions(policy="least_loaded"))
        feed.flush()
        assert fleet_pb2.FleetUpdate.FromString(subscriber._next() or b"").directions.policy == "least_loaded"
