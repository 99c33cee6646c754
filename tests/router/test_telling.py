"""What a router tells pool services of its requests: the sum of its workers, to every address there is."""

import asyncio
import socket
from typing import Any

import grpc
import pytest

from policies.decision import Outcome
from router.counts import Snapshot
from router.exposition import Exposition
from router.metrics import Metrics
from router.tally import Tally
from router.telling import Teller, demand
from tests.router.fakes import refused_port
from tests.router.test_router_feed import FakePool, serving
from weir.v1 import fleet_pb2


def counted(sent: int, held: int = 0) -> Snapshot:
    """A worker that sent so many and has them answered, half of them late."""
    tally, snapshot = Tally(), Metrics().snapshot()
    for i in range(sent):
        tally.sent("p", "mixed", 100.0)
        tally.ended("p", "mixed", Outcome(True, 0.1, 0.01, 0.2, 100, 7, 0), i % 2)
    snapshot.demand, snapshot.waiting = tally.told(), {"m": held} if held else {}
    return snapshot


class Hears(FakePool):
    """A pool service that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[fleet_pb2.Demand] = []

    async def TellDemand(self, request: fleet_pb2.Demand, context: Any) -> fleet_pb2.DemandHeard:
        self.heard.append(request)
        return fleet_pb2.DemandHeard()


def test_workers_add_up() -> None:
    told = demand("r", 3.0, [counted(4, held=1), counted(6, held=2)])
    (pool,) = told.pools
    assert (pool.pool, pool.role, pool.arrived, pool.ended, pool.judged, pool.late) == ("p", "mixed", 10, 10, 10, 5)
    assert (pool.prompt_tokens, pool.output_tokens) == (1000, 70)
    assert dict(told.held) == {"m": 3}


def test_what_a_worker_counted_outlives_it_and_what_waited_there_does_not() -> None:
    exposition = Exposition()
    exposition.told(0, counted(4, held=3))
    exposition.told(1, counted(2))
    exposition.ended(0)
    exposition.told(0, counted(1))
    told = demand("r", 3.0, exposition.snapshots())
    assert told.pools[0].arrived == 7
    assert not told.held


def test_the_sum_of_workers_that_come_and_go_never_falls() -> None:
    exposition, seen = Exposition(), list[int]()
    for step in range(12):
        exposition.told(step % 3, counted(1 + step))
        if step % 4 == 3:
            exposition.ended(step % 3)
            exposition.ended(step % 3)
        seen.append(demand("r", 1.0, exposition.snapshots()).pools[0].arrived)
    assert seen == sorted(seen)


async def test_every_address_of_the_name_is_told_and_one_that_is_away_later(monkeypatch: pytest.MonkeyPatch) -> None:
    port, here, there = refused_port(), Hears(), Hears()

    async def two(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", two, raising=False)
    first = await serving(here, f"127.0.0.1:{port}")
    teller = Teller(f"pools.example:{port}", lambda: [counted(3)])
    await teller.tell()
    assert [each.pools[0].arrived for each in here.heard] == [3]
    second = await serving(there, f"127.0.0.2:{port}")
    async with asyncio.timeout(10.0):
        while not there.heard:
            await teller.tell()
    assert there.heard[0].router == here.heard[0].router
    assert there.heard[-1].age_s >= here.heard[0].age_s
    await teller._keep(frozenset())
    for server in (first, second):
        await server.stop(0)


async def test_a_pool_service_of_an_older_release_is_told_in_vain() -> None:
    port = refused_port()
    server = grpc.aio.server()
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    teller = Teller(f"127.0.0.1:{port}", lambda: [counted(1)])
    await teller.tell()
    await teller._keep(frozenset())
    await server.stop(0)


async def test_a_name_that_nobody_answers_for_ends_nothing() -> None:
    teller = Teller("no-such-host.invalid:9100", list)
    await teller.tell()
    assert not teller._channels
