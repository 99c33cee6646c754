"""Following a real socket's events: gaps, replays, restarts, garbage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import zmq

from pool.events import Follower, Following
from pool.keep import snapshot_of
from pool.kv_sources.vllm import decode
from pool.registry.port import Snapshot
from pool.roster import Entry, Knowledge
from pool.scrape import Reading
from tests.pool.fakes import CLEARED, FakePublisher, chained, described, payload, removed, roster, stored, tokens, until


class Followed:
    """A publisher, a follower of it, and the entry that it keeps."""

    def __init__(self, publisher: FakePublisher, following: Following, entry: Entry) -> None:
        self.publisher, self.following, self.entry = publisher, following, entry
        self.tally = following.tally

    def own(self) -> list[int]:
        return self.entry.holdings.own("hbm")

    async def knows(self, knowledge: Knowledge) -> None:
        await until(lambda: self.entry.knowledge is knowledge)

    async def reaches(self, sequence: int) -> None:
        await until(lambda: self.entry.cursor.last == sequence)

    def store_next(self, block: int, **more: Any) -> None:
        """Block number `block` of one long chain."""
        event = stored([block + 1], block or None, token_ids=tokens(1, first=4 * block))
        self.publisher.publish(event, **more)


@asynccontextmanager
async def following(
    context: "zmq.Context[Any]",
    publisher: FakePublisher,
    *,
    replay: bool = True,
    kept: Snapshot | None = None,
    patience_s: float = 60.0,
) -> AsyncIterator[Followed]:
    fleet = roster()
    shared = Following(roster=fleet, decode=decode, context=context, idle_s=0.2, recheck_s=0.3, patience_s=patience_s)
    entry = fleet.enter(described(events=publisher.events, replay=publisher.replay if replay else ""))
    if kept is not None:
        fleet.restore(entry, kept)
    task = asyncio.create_task(Follower(entry, shared).run())
    try:
        await publisher.subscribed()
        yield Followed(publisher, shared, entry)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=[True, False], ids=["0.32", "older"])
async def publisher(context: "zmq.Context[Any]", request: pytest.FixtureRequest) -> AsyncIterator[FakePublisher]:
    async with FakePublisher(context, with_topic=request.param) as made:
        yield made


async def test_an_engine_that_has_said_nothing_is_known_exactly(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        await it.knows(Knowledge.EXACT)
        it.store_next(0)
        it.store_next(1)
        await it.reaches(1)
        assert it.own() == chained(2)


async def test_what_was_said_before_is_asked_for(context, publisher) -> None:  # type: ignore[no-untyped-def]
    publisher.publish(stored([1, 2]))
    publisher.publish(removed([2]))
    async with following(context, publisher) as it:
        await it.knows(Knowledge.EXACT)
        await it.reaches(1)
        assert it.own() == chained(1)
        assert publisher.asked[0] == 0


async def test_a_gap_is_noticed_and_filled(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        await it.knows(Knowledge.EXACT)
        for block in range(6):
            it.store_next(block, live=block not in (2, 3))
        await it.reaches(5)
        assert it.own() == chained(6)
        assert it.tally.gaps >= 1
        assert it.entry.knowledge is Knowledge.EXACT


async def test_a_loss_with_nothing_after_it_is_found_in_silence(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        it.store_next(0)
        await it.reaches(0)
        it.store_next(1, live=False)
        await it.reaches(1)


async def test_a_replay_that_drops_frames_is_asked_again(context, publisher) -> None:  # type: ignore[no-untyped-def]
    for block in range(6):
        publisher.publish(stored([block + 1], block or None, token_ids=tokens(1, first=4 * block)))
    publisher.drop_replayed = {3}
    async with following(context, publisher) as it:
        await it.reaches(5)
        assert (it.own(), it.tally.lost) == (chained(6), 0)


async def test_a_gap_out_of_reach_makes_the_replica_unknown_and_it_is_rebuilt(context) -> None:  # type: ignore[no-untyped-def]
    async with FakePublisher(context, keep=1) as publisher, following(context, publisher) as it:
        it.store_next(0)
        await it.reaches(0)
        it.store_next(1, live=False)
        it.store_next(2, live=False)
        publisher.publish(stored([9]))
        await it.reaches(3)
        assert (it.entry.knowledge, it.tally.lost) == (Knowledge.UNKNOWN, 1)
        assert it.own() == chained(1)


async def test_unknown_becomes_exact_after_a_whole_cache_of_new_blocks(context) -> None:  # type: ignore[no-untyped-def]
    async with FakePublisher(context, keep=1) as publisher:
        publisher.publish(CLEARED)
        publisher.publish(CLEARED)
        async with following(context, publisher) as it:
            it.entry.reading = Reading(blocks=3)
            await it.knows(Knowledge.UNKNOWN)
            await it.reaches(1)
            publisher.publish(stored([1, 2]))
            await it.reaches(2)
            assert it.entry.knowledge is Knowledge.UNKNOWN
            publisher.publish(stored([5]), stored([7], 5, token_ids=[7, 7, 7, 7]), stored([8], 5, token_ids=[8] * 4))
            await it.knows(Knowledge.EXACT)


async def test_a_replay_that_is_silent_for_a_while_loses_nothing(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        await it.knows(Knowledge.EXACT)
        it.store_next(0)
        await it.reaches(0)
        publisher.silent = True
        for block in range(1, 4):
            it.store_next(block, live=block == 3)
        await it.knows(Knowledge.UNKNOWN)
        assert (it.entry.cursor.last, it.own()) == (0, chained(1))
        publisher.silent = False
        await it.knows(Knowledge.EXACT)
        assert (it.own(), it.tally.lost) == (chained(4), 0)
        it.store_next(4)
        await it.reaches(4)


async def test_a_replay_that_stays_silent_is_given_up(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher, patience_s=0.1) as it:
        await it.knows(Knowledge.EXACT)
        publisher.silent = True
        it.store_next(0, live=False)
        publisher.publish(stored([9]))
        await it.knows(Knowledge.UNKNOWN)
        assert it.tally.lost == 0
        publisher.publish(stored([10]))
        await it.reaches(2)
        assert (it.tally.lost, it.entry.knowledge) == (1, Knowledge.UNKNOWN)


async def test_a_restart_while_its_replay_is_silent_is_noticed(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        await it.knows(Knowledge.EXACT)
        it.store_next(0)
        await it.reaches(0)
        publisher.silent = True
        it.store_next(1, live=False)
        it.store_next(2)
        await it.knows(Knowledge.UNKNOWN)
        publisher.restart()
        publisher.silent = False
        publisher.publish(stored([50]), at=100.0)
        await until(lambda: it.entry.epoch == 2)
        await it.reaches(0)
        assert (it.own(), it.entry.knowledge) == (chained(1), Knowledge.EXACT)


async def test_without_a_replay_joining_late_is_unknown(context, publisher) -> None:  # type: ignore[no-untyped-def]
    publisher.publish(stored([1]))
    async with following(context, publisher, replay=False) as it:
        it.store_next(1)
        await it.reaches(1)
        assert (it.entry.knowledge, it.own()) == (Knowledge.UNKNOWN, [])


async def test_counting_from_the_beginning_again_is_a_new_epoch(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        it.store_next(0)
        it.store_next(1)
        await it.reaches(1)
        publisher.restart()
        publisher.publish(stored([50]), at=100.0)
        await until(lambda: it.entry.epoch == 2)
        await it.reaches(0)
        assert (it.own(), it.entry.knowledge) == (chained(1), Knowledge.EXACT)


async def test_garbage_is_counted_and_the_next_frame_is_taken(context, publisher) -> None:  # type: ignore[no-untyped-def]
    async with following(context, publisher) as it:
        publisher.send([b"x"])
        publisher.send([b"t", b"short", b"x"])
        publisher.publish(raw=b"\xc1 no msgpack")
        it.store_next(0)
        await it.reaches(1)
        assert it.tally.malformed == 3
        assert (it.own(), it.entry.knowledge) == (chained(1), Knowledge.UNKNOWN)


async def test_an_engine_that_comes_up_late_is_asked_until_it_answers(context, publisher) -> None:  # type: ignore[no-untyped-def]
    publisher.silent = True
    publisher.publish(stored([1]))
    async with following(context, publisher) as it:
        await until(lambda: it.tally.replays_failed > 0)
        assert it.entry.knowledge is Knowledge.UNKNOWN
        publisher.silent = False
        await it.knows(Knowledge.EXACT)
        assert it.own() == chained(1)


async def kept_of(context: "zmq.Context[Any]", publisher: FakePublisher) -> Snapshot:
    async with following(context, publisher) as it:
        it.store_next(0)
        it.store_next(1)
        await it.reaches(1)
        return snapshot_of(it.entry)


async def test_a_kept_snapshot_is_gone_on_from(context, publisher) -> None:  # type: ignore[no-untyped-def]
    kept = await kept_of(context, publisher)
    publisher.publish(stored([3], 2, token_ids=tokens(1, first=8)))
    publisher.publish(removed([1]))
    publisher.buffer.popleft()
    async with following(context, publisher, kept=kept) as it:
        await it.knows(Knowledge.EXACT)
        await it.reaches(3)
        assert (it.own(), it.entry.epoch) == (chained(3)[1:], 1)


async def test_a_snapshot_of_a_process_that_is_gone_is_dropped(context, publisher) -> None:  # type: ignore[no-untyped-def]
    kept = await kept_of(context, publisher)
    publisher.restart()
    for _ in range(3):
        publisher.publish(stored([9], token_ids=[9, 9, 9, 9]), at=500.0)
    async with following(context, publisher, kept=kept) as it:
        await it.knows(Knowledge.EXACT)
        await it.reaches(2)
        assert (len(it.own()), it.entry.epoch) == (1, 2)
        assert it.own() != chained(1)


def test_a_frame_is_as_the_engine_publishes_it() -> None:
    assert payload(CLEARED, at=1.0) == b"\x93\xcb?\xf0" + bytes(6) + b"\x91\x81\xa4type\xb0AllBlocksCleared\x00"
