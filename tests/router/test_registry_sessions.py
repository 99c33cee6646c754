"""Sessions outlive the router: written behind, read again, bounded."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from policies.request import hash31
from router import registry_sessions
from router.registry_sessions import Sessions
from tests.pool.valkey_server import Valkey
from weir import keys


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    made = Valkey(tmp_path_factory.mktemp("valkey"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def sessions(server: Valkey) -> AsyncIterator[Sessions]:
    server.empty()
    made = Sessions(server.url)
    yield made
    await made.close()


async def restarted(server: Valkey, **more: int) -> Sessions:
    """What a fresh process knows."""
    made = Sessions(server.url, **more)
    await made.learn()
    await made.close()
    return made


async def test_a_restarted_router_knows_where_every_session_was(sessions: Sessions, server: Valkey) -> None:
    for i in range(100):
        sessions.sent(f"s{i}", f"a-{i % 4}")
    sessions.sent("s7", "a-9")
    await sessions.write()
    again = await restarted(server)
    assert [again.last(f"s{i}") for i in (0, 5, 7, 99)] == ["a-0", "a-1", "a-9", "a-3"]
    assert (len(again), again.last("nobody's")) == (100, "")


async def test_what_is_not_written_yet_is_known_here_at_once(sessions: Sessions) -> None:
    sessions.sent("s", "a-0")
    assert sessions.last("s") == "a-0"


async def test_nothing_new_is_no_round_trip(sessions: Sessions) -> None:
    sessions.sent("s", "a-0")
    for _ in range(3):
        await sessions.write()
    assert sessions.written == 1


async def test_a_session_that_moves_while_it_is_written_is_written_again(sessions: Sessions, server: Valkey) -> None:
    sessions.sent("s", "a-0")
    await sessions.write()
    sessions.sent("s", "a-1")
    await sessions.write()
    assert (await restarted(server)).last("s") == "a-1"


async def test_a_later_window_goes_before_an_earlier_one(
    sessions: Sessions, server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr(registry_sessions, "time", lambda: now)
    for replica in ("a-0", "a-1"):
        sessions.sent("s", replica)
        await sessions.write()
        now += keys.SESSION_WINDOW_S
    assert (await restarted(server)).last("s") == "a-1"
    now += keys.SESSION_WINDOWS * keys.SESSION_WINDOW_S
    assert (await restarted(server)).last("s") == ""


async def test_windows_expire(sessions: Sessions, server: Valkey) -> None:
    sessions.sent("s", "a-0")
    await sessions.write()
    with Redis(unix_socket_path=str(server.socket)) as client:
        (key,) = client.keys("weir:sessions:*")
        assert 0 < client.ttl(key) <= keys.SESSION_WINDOWS * keys.SESSION_WINDOW_S


async def test_memory_is_bounded_and_the_latest_stay(server: Valkey) -> None:
    few = Sessions(server.url, most=10)
    for i in range(50):
        few.sent(f"s{i}", "a-0")
    assert (len(few), few.unwritten, few.last("s49"), few.last("s0")) == (10, 40, "a-0", "")
    await few.close()


async def test_a_lost_redis_loses_nothing_that_is_pending(server: Valkey) -> None:
    gone = Sessions("unix:///nowhere/at/all.sock")
    gone.sent("s", "a-0")
    assert not await gone._tried(gone.write())
    assert not gone.up
    assert gone._pending == {hash31("s"): "a-0"}
    await gone.close()


async def test_what_weir_did_not_write_is_left_out(sessions: Sessions, server: Valkey) -> None:
    sessions.sent("s", "a-0")
    await sessions.write()
    with Redis(unix_socket_path=str(server.socket)) as client:
        (key,) = client.keys("weir:sessions:*")
        client.hset(key, mapping={"junk": "x", "9" * 40: "y"})
    assert len(await restarted(server)) == 1
