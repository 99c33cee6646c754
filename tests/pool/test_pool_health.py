"""Asking replicas over real sockets: readiness, restarts, answers that are none."""

from collections.abc import AsyncIterator

import pytest

from pool.fetch import Answer, BadAnswer, Connection, Refused
from pool.health import NOT_ASKED, Readiness
from pool.roster import Entry, Roster
from pool.watch import Watcher, Watching
from tests.pool.fakes import FakeEngine, described, roster


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as made:
        yield made


class Seen:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def looked(self, seconds: float, outcome: str) -> None:
        self.outcomes.append(outcome)


class Watched:
    def __init__(self, address: str, **facts: str) -> None:
        self.roster: Roster = roster()
        self.entry: Entry = self.roster.enter(described(address=address, **facts))
        self.restarted: list[str] = []
        self.seen = Seen()
        watching = Watching(roster=self.roster, seen=self.seen, timeout_s=5.0, clock=lambda: 7.0)
        self.watcher = Watcher(self.entry, watching, lambda entry: self.restarted.append(entry.name))
        self.connection = Connection(address)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.watcher.look(self.connection)


@pytest.fixture
async def watched(engine: FakeEngine) -> AsyncIterator[Watched]:
    made = Watched(engine.address)
    yield made
    made.connection.close()


class TestReadiness:
    def test_nobody_is_ready_before_being_asked(self) -> None:
        assert (Readiness().ready, Readiness().reason) == (False, NOT_ASKED)

    def test_one_success_is_enough_and_one_failure_is_not(self) -> None:
        health = Readiness(failures=3)
        assert health.succeeded()
        assert not health.missed("slow")
        assert not health.missed("slow")
        assert health.ready
        assert health.missed("slow")
        assert (health.ready, health.reason) == (False, "slow")

    def test_failures_must_come_in_a_row(self) -> None:
        health = Readiness(failures=2)
        for _ in range(5):
            health.succeeded()
            health.missed("slow")
        assert health.ready

    def test_nobody_listening_is_enough(self) -> None:
        health = Readiness(failures=3)
        health.succeeded()
        assert health.refused("gone")


class TestConnection:
    async def test_one_connection_serves_many_requests(self, engine: FakeEngine) -> None:
        async with Connection(engine.address) as connection:
            for _ in range(3):
                assert await connection.get("/health", 5.0) == Answer(200, b"")
        assert engine.connections == 1

    async def test_a_body_in_chunks_is_put_together(self, engine: FakeEngine) -> None:
        async with Connection(engine.address) as connection:
            whole = await connection.get("/metrics", 5.0)
            engine.chunked = True
            assert await connection.get("/metrics", 5.0) == whole

    async def test_a_connection_the_server_let_go_is_opened_again(self, engine: FakeEngine) -> None:
        async with Connection(engine.address) as connection:
            await connection.get("/health", 5.0)
            engine.hang_up()
            assert (await connection.get("/health", 5.0)).status == 200
        assert engine.connections == 2

    async def test_a_body_to_the_end_of_the_connection_is_read(self, engine: FakeEngine) -> None:
        engine.raw = b"HTTP/1.0 200 OK\r\n\r\nhello"
        async with Connection(engine.address) as connection:
            assert await connection.get("/", 5.0) == Answer(200, b"hello")

    @pytest.mark.parametrize(
        "raw",
        [
            b"SSH-2.0-x\r\n",
            b"\r\n",
            b"HTTP/1.1 x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(200)) + b"\r\n",
            b"x" * 200_000,
            b"",
        ],
    )
    async def test_what_is_no_http_is_a_bad_answer(self, engine: FakeEngine, raw: bytes) -> None:
        engine.raw = raw
        async with Connection(engine.address) as connection:
            with pytest.raises(BadAnswer):
                await connection.get("/", 5.0)

    async def test_nobody_listening_is_refused(self) -> None:
        async with Connection("127.0.0.1:1") as connection:
            with pytest.raises(Refused):
                await connection.get("/", 5.0)


async def test_a_healthy_engine_is_ready_and_read(watched: Watched) -> None:
    await watched.look()
    report = watched.entry.report(9.0)
    assert (report.ready, report.running, report.waiting, report.kv_used, report.kv_tokens) == (True, 3, 35, 0.25, 320)
    assert (report.age_s, report.knowledge) == (2.0, "approximate")
    assert watched.seen.outcomes == ["ok"]


async def test_an_engine_that_answers_503_becomes_unready_after_three(watched: Watched, engine: FakeEngine) -> None:
    await watched.look()
    engine.status = 503
    await watched.look(2)
    assert watched.entry.readiness.ready
    await watched.look()
    assert watched.entry.report(0.0).reason == "/health answered 503"


async def test_an_engine_that_is_gone_is_unready_at_once(watched: Watched, engine: FakeEngine) -> None:
    await watched.look()
    await engine.__aexit__()
    watched.connection.close()
    await watched.look()
    assert not watched.entry.readiness.ready
    assert watched.entry.readiness.reason.startswith("cannot connect")
    await engine.listen()


async def test_another_start_time_is_a_restart(watched: Watched, engine: FakeEngine) -> None:
    await watched.look(2)
    engine.started = 2000.0
    await watched.look(2)
    assert (watched.restarted, watched.entry.epoch) == (["a-0"], 2)


async def test_a_restart_that_the_events_have_shown_already_counts_once(watched: Watched, engine: FakeEngine) -> None:
    await watched.look()
    watched.roster.restart(watched.entry)
    watched.entry.reset_seen = True
    engine.started = 2000.0
    await watched.look()
    assert (watched.restarted, watched.entry.epoch) == ([], 2)


async def test_one_that_was_gone_and_says_no_start_time_is_a_new_process(watched: Watched, engine: FakeEngine) -> None:
    engine.started = 0.0
    await watched.look()
    await engine.__aexit__()
    watched.connection.close()
    await watched.look()
    assert watched.entry.epoch == 1
    await engine.listen(int(watched.connection.address.rpartition(":")[2]))
    await watched.look(2)
    assert (watched.restarted, watched.entry.epoch) == (["a-0"], 2)


async def test_the_engines_block_size_goes_before_the_files(engine: FakeEngine) -> None:
    watched = Watched(engine.address)
    watched.entry.described.block_tokens = 16
    await watched.look()
    watched.connection.close()
    assert watched.entry.described.block_tokens == 4
