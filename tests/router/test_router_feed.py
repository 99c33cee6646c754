"""Where the fleet comes from: a fake pool service that comes and goes, or a file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from router.complaints import Complaints
from router.feed import FileFeed, PoolFeed
from tests.router.fakes import refused_port
from tests.router.routers import described, update
from weir.strictyaml import BadFile
from weir.v1 import fleet_pb2, fleet_pb2_grpc

SNAPSHOT = update(described("a", "h:1"), snapshot=True)
DELTA = update(described("b", "h:2"))


class FakePool(fleet_pb2_grpc.PoolServicer):
    """Says what it was told to say, then goes on, ends, or breaks off."""

    def __init__(self, *, ends: bool = False) -> None:
        self.watchers: list[str] = []
        self._ends = ends

    async def WatchFleet(self, request, context):  # type: ignore[no-untyped-def]
        self.watchers.append(request.router)
        yield SNAPSHOT
        yield DELTA
        if not self._ends:
            await asyncio.Event().wait()


async def serving(pool: FakePool, address: str) -> grpc.aio.Server:
    server = grpc.aio.server()
    fleet_pb2_grpc.add_PoolServicer_to_server(pool, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(address)
    await server.start()
    return server


async def taken(updates: AsyncIterator[bytes], n: int) -> list[fleet_pb2.FleetUpdate]:
    async with asyncio.timeout(10):
        return [fleet_pb2.FleetUpdate.FromString(await anext(updates)) for _ in range(n)]


async def test_a_snapshot_comes_first_and_then_the_changes() -> None:
    pool, address, states = FakePool(), f"127.0.0.1:{refused_port()}", list[bool]()
    server = await serving(pool, address)
    updates = PoolFeed(address, "router/worker-0", states.append).updates()
    assert await taken(updates, 2) == [SNAPSHOT, DELTA]
    assert pool.watchers == ["router/worker-0"]
    assert states == [True]
    await updates.aclose()  # type: ignore[attr-defined]
    await server.stop(0)


async def test_a_pool_that_comes_later_is_named_once_and_waited_for() -> None:
    address, said, told = f"127.0.0.1:{refused_port()}", list[str](), asyncio.Event()

    def hear(sentence: str) -> None:
        said.append(sentence)
        told.set()

    asking = asyncio.ensure_future(anext(PoolFeed(address, "r", complaints=Complaints(hear)).updates()))
    await asyncio.wait_for(told.wait(), 10)
    server = await serving(FakePool(), address)
    assert fleet_pb2.FleetUpdate.FromString(await asyncio.wait_for(asking, 10)) == SNAPSHOT
    await server.stop(0)
    assert len(said) == 1
    assert said[0].startswith(f"the pool service at {address} does not answer (")
    assert "nothing is served until it does" in said[0]


async def test_a_pool_that_breaks_off_is_watched_again_and_its_state_is_told() -> None:
    address, states, said = f"127.0.0.1:{refused_port()}", list[bool](), list[str]()
    server = await serving(FakePool(), address)
    updates = PoolFeed(address, "r", states.append, Complaints(said.append)).updates()
    await taken(updates, 2)
    waiting = asyncio.ensure_future(anext(updates))
    await server.stop(0)
    await asyncio.sleep(0.15)
    assert states[-1] is False
    server = await serving(FakePool(), address)
    assert fleet_pb2.FleetUpdate.FromString(await asyncio.wait_for(waiting, 10)) == SNAPSHOT
    assert states[-1] is True
    assert all("the fleet stays as it was last told" in sentence for sentence in said)
    await updates.aclose()
    await server.stop(0)


async def test_a_pool_that_ends_its_stream_is_watched_again() -> None:
    pool, address = FakePool(ends=True), f"127.0.0.1:{refused_port()}"
    server = await serving(pool, address)
    updates = PoolFeed(address, "r").updates()
    assert await taken(updates, 4) == [SNAPSHOT, DELTA] * 2
    await updates.aclose()  # type: ignore[attr-defined]
    await server.stop(0)


FILE = """
pools:
  - name: small
    gpu: l4
    model: qwen3-8b
    addresses: [127.0.0.1:9001, 127.0.0.1:9002]
"""


async def test_a_fleet_file_is_one_snapshot_in_which_everybody_is_ready(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(FILE)
    updates = FileFeed(path).updates()
    (told,) = await taken(updates, 1)
    assert told.snapshot
    assert [one.name for one in told.replicas] == ["small-0", "small-1"]
    assert [(one.name, one.ready) for one in told.reports] == [("small-0", True), ("small-1", True)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(updates), 0.02)


def test_a_bad_fleet_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(FILE.replace("gpu:", "gpus:"))
    with pytest.raises(BadFile, match=r"fleet\.yaml:4: unknown key"):
        FileFeed(path)
