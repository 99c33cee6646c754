"""What engines and strangers get wrong on the wire: rejected, counted, named once a minute, and never in the index."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pool.complaints import EVERY_S, Complaints
from pool.events import Follower, Following
from pool.fetch import Answer
from pool.hashing import plain_chain
from pool.kv_sources import sglang, vllm
from pool.ranks import Knowledge, Rank
from pool.roster import Entry, Roster
from pool.sequence import Cursor
from pool.sockets import frame
from pool.sources import PATH, Source
from pool.watch import Watcher, Watching
from tests.pool.fakes import FakePublisher, chained, described, payload, removed, roster, stored, tokens, until


@asynccontextmanager
async def followed(
    context: "zmq.Context[Any]", publisher: FakePublisher, topic: str = ""
) -> AsyncIterator[tuple[Following, Entry]]:
    fleet = roster()
    shared = Following(roster=fleet, decode=vllm.decode, context=context, idle_s=0.2, recheck_s=0.3)
    entry = fleet.enter(described(events=publisher.events, replay=publisher.replay))
    entry.ranks[0].topic = topic
    task = asyncio.create_task(Follower(entry, shared).run())
    try:
        await publisher.subscribed()
        await until(lambda: entry.knowledge is Knowledge.EXACT)
        yield shared, entry
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def in_rank(rank: int, *events: Any) -> bytes:
    return msgspec.msgpack.encode([1.0, list(events), rank])


async def test_a_frame_of_another_topic_is_left_alone(context: "zmq.Context[Any]") -> None:
    async with FakePublisher(context) as publisher, followed(context, publisher, topic="kv@x") as (shared, entry):
        publisher.publish(stored([1]))
        await until(lambda: entry.cursor.last == 0)
        publisher.send([b"kv@forged", (1).to_bytes(8, "big"), payload(stored([5], token_ids=tokens(1, first=50)))])
        publisher.publish(removed([9]), stored([2], 1, token_ids=tokens(1, first=4)))
        await until(lambda: entry.cursor.last == 1)
        assert (entry.own("hbm"), shared.tally.misplaced) == (chained(2), 1)


async def test_two_ranks_on_one_socket_are_one_too_many(context: "zmq.Context[Any]") -> None:
    async with FakePublisher(context) as publisher, followed(context, publisher) as (shared, entry):
        publisher.publish(raw=in_rank(0, stored([1])))
        await until(lambda: entry.cursor.last == 0)
        publisher.send([b"kv@x", (1).to_bytes(8, "big"), in_rank(1, stored([5], token_ids=tokens(1, first=50)))])
        publisher.publish(raw=in_rank(0, stored([2], 1, token_ids=tokens(1, first=4))))
        await until(lambda: entry.cursor.last == 1)
        assert (entry.own("hbm"), shared.tally.misplaced, entry.knowledge) == (chained(2), 1, Knowledge.EXACT)


async def test_a_flood_of_garbage_is_named_once_a_minute(
    context: "zmq.Context[Any]", caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with FakePublisher(context) as publisher, followed(context, publisher) as (shared, entry):
        for i in range(500):
            publisher.send([b"x" * (i % 50)])
            publisher.send([b"t", b"short", b"x"])
        publisher.publish(stored([1]))
        await until(lambda: entry.cursor.last == 0)
        assert (shared.tally.malformed, shared.complaints.counts["malformed"]) == (1000, 1000)
        assert [message.startswith("a-0: ") for message in caplog.messages] == [True]
        assert (entry.own("hbm"), entry.knowledge) == (chained(1), Knowledge.EXACT)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_whatever_comes_by_the_wire_is_a_frame_or_none(message: list[bytes]) -> None:
    found = frame(message)
    assert found is None or 0 <= found.sequence < 1 << 64


numbers = st.integers(-1, 12) | st.just((1 << 64) - 1)
any_event = st.one_of(
    st.builds(
        lambda hashes, parent, ids, size, **more: stored(hashes, parent, token_ids=ids, block_size=size, **more),
        st.lists(st.integers(1, 9), max_size=3),
        st.none() | st.integers(1, 9),
        st.lists(st.integers(-1, 1 << 33), max_size=8),
        numbers,
        medium=st.sampled_from(["GPU", "CPU", "x", None]),
        group_idx=st.none() | st.integers(0, 2),
        kv_cache_spec_kind=st.sampled_from([None, "full_attention", "sliding_window"]),
        extra_keys=st.none() | st.lists(st.none() | st.lists(st.text(max_size=3), max_size=2), max_size=3),
    ),
    st.builds(removed, st.lists(st.integers(1, 9), max_size=3)),
    st.just({"type": "AllBlocksCleared"}),
    st.binary(max_size=5),
)


@pytest.mark.parametrize("decode", [vllm.decode, sglang.decode], ids=["vllm", "sglang"])
@given(batches=st.lists(st.lists(any_event, max_size=4), max_size=6))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_event_poisons_what_is_held(decode: Any, batches: list[list[Any]]) -> None:
    """Every block held has one own hash, which is one of a whole block, and is looked up as it is listed."""
    fleet = roster()
    entry = fleet.enter(described())
    for batch in batches:
        fleet.heard(entry, entry.ranks[0], decode(payload(*batch)).events)
        for tier in entry.tiers():
            own = entry.own(tier)
            assert all(2 <= block < 1 << 64 for block in own)
            assert all(block in entry.held(tier) for block in own)


class Says:
    """An engine that answers GETs as told."""

    def __init__(self, sources: Answer) -> None:
        self._sources, self.asked = sources, 0

    async def get(self, path: str, timeout_s: float) -> Answer:
        self.asked += path == PATH
        return self._sources if path == PATH else Answer(200, b"")


class Nobody:
    def looked(self, seconds: float, outcome: str) -> None:
        """Not counted here."""


def watched(fleet: Roster, entry: Entry) -> tuple[Watcher, list[Entry], Complaints]:
    again: list[Entry] = []
    watching = Watching(roster=fleet, seen=Nobody())
    return Watcher(entry, watching, again.append), again, watching.complaints


def publisher(port: int) -> dict[str, Any]:
    return {"publisher": "zmq", "endpoint": f"tcp://*:{port}", "replay_endpoint": f"tcp://*:{port + 100}", "topic": "t"}


async def test_an_engine_is_asked_once_where_its_ranks_publish_and_all_are_followed() -> None:
    fleet = roster()
    entry = fleet.enter(described(address="h:1"))
    watcher, again, _ = watched(fleet, entry)
    engine = Says(Answer(200, json.dumps({"0": publisher(5557), "1": publisher(5558)}).encode()))
    for _ in range(3):
        await watcher.look(engine)
    assert (engine.asked, again) == (1, [entry])
    assert [(rank.events, rank.topic) for rank in entry.ranks] == [("tcp://h:5557", "t"), ("tcp://h:5558", "t")]
    assert (entry.described.events, entry.knowledge) == ("tcp://h:5557", Knowledge.UNKNOWN)
    fleet.restart(entry)
    await watcher.look(engine)
    assert engine.asked == 2


@pytest.mark.parametrize("answer", [Answer(404, b""), Answer(200, b"<html>"), Answer(200, b"{}")])
async def test_an_engine_that_does_not_say_is_followed_as_the_file_says(answer: Answer) -> None:
    fleet = roster()
    entry = fleet.enter(described(events="tcp://h:1", replay="tcp://h:2"))
    watcher, again, complaints = watched(fleet, entry)
    await watcher.look(Says(answer))
    assert ([rank.events for rank in entry.ranks], again, complaints.counts) == (["tcp://h:1"], [], {})


async def test_nonsense_about_its_ranks_is_counted_and_believed_nothing() -> None:
    fleet = roster()
    entry = fleet.enter(described(events="tcp://h:1"))
    watcher, again, complaints = watched(fleet, entry)
    await watcher.look(Says(Answer(200, b'{"0": {"publisher": "zmq", "endpoint": "ipc:///etc/passwd"}}')))
    assert (complaints.counts["sources"], again, len(entry.ranks)) == (1, [], 1)


def test_snapshots_of_ranks_are_taken_up_when_the_engine_names_them() -> None:
    from pool.keep import snapshot_of
    from tests.pool.fakes import store

    two = [Source(0, "tcp://h:1", "tcp://h:2"), Source(1, "tcp://h:3", "tcp://h:4")]
    fleet = roster()
    entry = fleet.enter(described())
    fleet.publishes(entry, two)
    for rank, first in zip(entry.ranks, (0, 100), strict=True):
        rank.cursor.advance(5, 1.0)
        fleet.heard(entry, rank, (store([first + 1], tokens=tokens(1, first=first)),))
    kept = {rank.number: snapshot_of(entry, rank) for rank in entry.ranks}
    again = roster()
    restored = again.enter(described())
    again.recall(restored, kept)
    again.publishes(restored, two)
    assert {*restored.own("hbm")} == {*entry.own("hbm")}
    assert [rank.cursor.last for rank in restored.ranks] == [5, 5]
    assert restored.knowledge is Knowledge.UNKNOWN


def test_a_rank_that_restarted_may_be_another() -> None:
    from pool.holdings import Holdings

    rank = Rank(holdings=Holdings(plain_chain), knowledge=Knowledge.UNKNOWN, cursor=Cursor())
    assert [rank.speaks_as(3), rank.speaks_as(3), rank.speaks_as(4)] == [True, True, False]
    rank.restart()
    assert rank.speaks_as(4)


class TestComplaints:
    def test_the_first_of_a_minute_is_named_and_the_rest_are_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        now = 0.0
        complaints = Complaints(clock=lambda: now)
        for _ in range(10):
            complaints.say("odd", "a-0", "is odd")
        complaints.say("odd", "a-1", "is odd too")
        assert caplog.messages == ["a-0: is odd", "a-1: is odd too"]
        now = EVERY_S
        complaints.say("odd", "a-0", "is odd")
        assert caplog.messages[2:] == ["a-0: is odd (and 9 more of these in the last minute)"]
        assert complaints.counts == {"odd": 12}

    def test_names_without_end_do_not_take_memory_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pool.complaints.MOST_KINDS", 10)
        complaints = Complaints(clock=lambda: 0.0)
        for i in range(100):
            complaints.say("forged", f"name-{i}", "is forged")
        assert len(complaints._said) == 11
        assert complaints.counts["forged"] == 100
