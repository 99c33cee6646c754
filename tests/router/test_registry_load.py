"""Two routers on different hosts see each other's load through a real Redis, and do without it when it is gone."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from policies.fleet import KV_USED, RUNNING, Fleet, Replica
from policies.perf.profiles import latency_model
from router import registry_load
from router.front import BESIDE
from router.peers import ROWS, WIDTH, Peers, create, parts
from router.registry_load import LoadShare, pack, together, unpack
from router.view import Load, View
from tests.pool.valkey_server import Valkey
from weir import keys

NAMES = ("a", "b", "c")


class Router:
    """One router of one worker: its shared memory, the worker's view, and its share in Redis."""

    def __init__(self, url: str, names: tuple[str, ...] = NAMES) -> None:
        self.descriptor = create(1, BESIDE)
        self.fleet = Fleet()
        self.view = View(self.fleet)
        self.peers = Peers(self.descriptor, 1, 0)
        perf = latency_model("h100-sxm", "llama-3.1-8b")
        for name in names:
            self.view.join(Replica(name=name, address="h:1", pool="p", model="m", gpu="g", perf=perf))
        self.share = LoadShare(url, Peers(self.descriptor, 1, -1))
        self.state = self.share.state

    def sends(self, name: str) -> Load:
        load = Load(self.fleet.rows[name], 100.0, 5000.0, 400.0)
        self.view.send(load)
        return load

    def seen(self, column: str, name: str) -> float:
        return float(getattr(self.fleet.columns, column)[self.fleet.rows[name]])

    async def tick(self) -> bool:
        """The worker tells, the front exchanges, the worker hears."""
        self.view.share(self.peers)
        answered = await self.share.tick()
        self.view.share(self.peers)
        return answered


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    made = Valkey(tmp_path_factory.mktemp("valkey"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def two(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Router, Router]]:
    monkeypatch.setattr(registry_load, "LOOK_S", 0.001)  # who else runs is asked every tick
    server.empty()
    routers = Router(server.url), Router(server.url, NAMES[::-1])
    yield routers
    for router in routers:
        await router.share.close()
        os.close(router.descriptor)


async def rounds(*routers: Router, times: int = 3) -> None:
    for _ in range(times):
        for router in routers:
            assert await router.tick()
        await asyncio.sleep(0.002)  # a clock: LOOK_S


async def test_a_request_sent_by_one_router_is_counted_by_the_other(two: tuple[Router, Router]) -> None:
    one, other = two
    one.sends("b")
    await rounds(one, other)
    assert (other.seen("waiting", "b"), other.seen("queued_tokens", "b"), other.seen("kv_used", "b")) == (1, 100, 400)
    assert other.seen("waiting", "a") == other.seen("waiting", "c") == 0.0
    assert (one.state.others, other.state.others) == (1, 1)


async def test_ones_own_part_is_not_heard_back(two: tuple[Router, Router]) -> None:
    one, other = two
    one.sends("b")
    other.sends("b")
    await rounds(one, other, times=6)
    assert one.seen("waiting", "b") == other.seen("waiting", "b") == 2.0


async def test_nothing_is_left_when_all_has_ended(two: tuple[Router, Router]) -> None:
    loads = [(router, router.sends(name)) for router in two for name in NAMES]
    await rounds(*two)
    for router, load in loads:
        router.view.start(load)
        router.view.end(load)
    await rounds(*two)
    for router in two:
        assert not np.any(router.fleet.table[:, RUNNING : KV_USED + 1])


async def test_a_router_that_leaves_takes_its_load_along(two: tuple[Router, Router], server: Valkey) -> None:
    one, other = two
    one.sends("a")
    await rounds(one, other)
    await one.share.close()
    await rounds(other)
    assert (other.seen("waiting", "a"), other.state.others) == (0.0, 0)
    with Redis(unix_socket_path=str(server.socket)) as client:
        assert client.hkeys(keys.ROUTERS) == [other.share.process.encode()]


async def test_what_a_killed_router_had_in_flight_is_gone_with_its_lease(two: tuple[Router, Router]) -> None:
    one, other = two
    one.sends("a")
    await rounds(one, other)
    async with asyncio.timeout(10.0):
        while other.seen("waiting", "a"):
            await rounds(other, times=1)


async def test_its_lease_is_a_second_and_its_value_small(two: tuple[Router, Router], server: Valkey) -> None:
    one, _ = two
    for name in NAMES:
        one.sends(name)
    await rounds(one, times=1)
    with Redis(unix_socket_path=str(server.socket)) as client:
        key = keys.load(one.share.process)
        assert 0 < client.pttl(key) <= 1000 * keys.LOAD_TTL_S
        assert client.strlen(key) == 28 * len(NAMES)


async def test_nonsense_of_another_router_is_counted_and_not_believed(
    two: tuple[Router, Router], server: Valkey
) -> None:
    one, _ = two
    with Redis(unix_socket_path=str(server.socket)) as client:
        client.hset(keys.ROUTERS, "f" * 16, 1 << 45)
        client.hset(keys.ROUTERS, "not a process", 1 << 45)
        client.set(keys.load("f" * 16), b"\xff" * 27)
        await rounds(one)
        assert (one.state.rejected > 0, one.state.others) == (True, 0)
        client.set(keys.load("f" * 16), pack(np.array([7.0]), np.full((1, WIDTH), 3.0)))
        await rounds(one)
    assert one.state.others == 1
    assert not np.any(one.fleet.table[:, RUNNING : KV_USED + 1])  # a replica that nobody here knows


async def test_without_redis_it_goes_on_from_memory_says_so_once_a_minute_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry_load, "LOOK_S", 0.001)
    monkeypatch.setattr(keys, "LOAD_TTL_S", 0.05)
    caplog.set_level(logging.WARNING)
    server = Valkey(tmp_path)
    server.start()
    one, other = Router(server.url), Router(server.url)
    try:
        one.sends("a")
        await rounds(one, other)
        server.stop()
        assert [await other.tick() for _ in range(3)] == [False] * 3
        assert (other.state.up, other.state.losses, len(caplog.messages)) == (False, 3, 1)
        async with asyncio.timeout(10.0):
            while other.seen("waiting", "a"):  # what is out of date is let go, its own work goes on
                await other.tick()
        other.sends("b")
        assert other.seen("waiting", "b") == 1.0
        server.start()
        async with asyncio.timeout(10.0):
            while not other.seen("waiting", "a"):
                await one.tick()
                await other.tick()
        assert other.state.up
        assert "back" in caplog.messages[-1]
        caplog.clear()  # or the fixture that forbids warnings would find them
    finally:
        for router in (one, other):
            await router.share.close()
            os.close(router.descriptor)
        server.stop()


def test_without_a_registry_there_is_no_room_for_others() -> None:
    for workers, beside in ((1, 0), (4, 0), (4, BESIDE)):
        descriptor = create(workers, beside)
        assert parts(descriptor) == workers + beside
        os.close(descriptor)


def test_a_message_holds_only_replicas_with_load() -> None:
    router = Router("redis://127.0.0.1:1")
    router.sends("b")
    router.view.share(router.peers)
    replicas, load = Peers(router.descriptor, 1, -1).sent_here(BESIDE)
    assert replicas.tolist() == [float(router.fleet.columns.key[router.fleet.rows["b"]])]
    assert load.shape == (1, WIDTH)
    os.close(router.descriptor)


loads = st.lists(st.tuples(st.integers(1, (1 << 31) - 1), st.integers(0, 1 << 20)), max_size=20)


@given(loads)
def test_a_part_comes_back_as_it_was_said(said: list[tuple[int, int]]) -> None:
    replicas = np.array([key for key, _ in said], dtype=np.float64)
    load = np.array([[float(value)] * WIDTH for _, value in said]).reshape(-1, WIDTH)
    back = unpack(pack(replicas, load))
    assert back is not None
    assert (back[0] == replicas).all()
    assert (back[1] == load).all()
    doubled = together([back, back])
    assert doubled[1].sum() == 2 * load.sum()


@given(st.binary(max_size=120))
def test_whatever_bytes_are_read_they_count_something_or_nothing(told: bytes) -> None:
    part = unpack(told)
    assert part is None or (np.isfinite(part[1]).all() and (part[1] >= 0).all())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e13])
def test_a_load_that_counts_nothing_is_none(value: float) -> None:
    assert unpack(pack(np.array([5.0]), np.full((1, WIDTH), value))) is None


def test_a_part_of_more_replicas_than_can_be_told_apart_is_none() -> None:
    assert unpack(bytes(28 * (ROWS + 1))) is None
