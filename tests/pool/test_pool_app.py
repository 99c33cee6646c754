"""The whole service on real sockets: an engine, its events, a router that watches, Redis, SIGTERM."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import zmq

from pool.app import Bound, run
from pool.discovery.static import BadFleet
from pool.hashing import plain_chain
from pool.settings import Settings
from tests.pool.fakes import FakeEngine, FakePublisher, chained, fleet_file, stored, tokens, until
from tests.pool.test_eds import Envoy
from tests.pool.valkey_server import Valkey
from weir.v1 import fleet_pb2, fleet_pb2_grpc, registry_pb2, registry_pb2_grpc

QUICK: dict[str, Any] = {
    "scrape_interval_s": 0.05,
    "discovery_interval_s": 0.05,
    "replay_idle_s": 0.3,
    "recheck_s": 0.5,
}


class Running:
    """A pool and a router that watches it."""

    def __init__(self, bound: Bound, channel: grpc.aio.Channel) -> None:
        self.bound, self.channel = bound, channel
        self.stub: Any = fleet_pb2_grpc.PoolStub(channel)  # type: ignore[no-untyped-call]
        self.reports: dict[str, fleet_pb2.ReplicaReport] = {}
        self.replicas: dict[str, fleet_pb2.Replica] = {}
        self.held: dict[str, set[int]] = {}
        self.directions = fleet_pb2.Directions()

    async def watch(self) -> None:
        async for update in self.stub.WatchFleet(fleet_pb2.WatchFleetRequest(router="test")):
            self.replicas.update({replica.name: replica for replica in update.replicas})
            for name in update.removed:
                del self.replicas[name]
            self.reports.update({report.name: report for report in update.reports})
            if update.HasField("directions"):
                self.directions = update.directions
            for event in update.events:
                held = self.held.setdefault(event.replica, set())
                held.update(event.blocks) if event.kind == fleet_pb2.KvEvent.STORED else held.clear()

    def says(self, name: str, ready: bool, knowledge: str) -> bool:
        report = self.reports.get(name)
        return report is not None and (report.ready, report.knowledge) == (ready, knowledge)

    def load(self, name: str) -> tuple[int, int, int]:
        """Running, waiting and KV tokens, as last reported."""
        report = self.reports[name]
        return report.running, report.waiting, report.kv_tokens

    async def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.bound.metrics_port}/metrics"
        return await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())


@asynccontextmanager
async def running(path: Path, **more: Any) -> AsyncIterator[Running]:
    """A pool that is stopped, cleanly, at the end."""
    stop, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    settings = Settings(listen="127.0.0.1:0", metrics_port=0, **(QUICK | more))
    task = asyncio.create_task(run(settings, path, ready=bound.set_result, stop=stop, hasher=plain_chain))
    await asyncio.wait([task, bound], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    async with grpc.aio.insecure_channel(f"127.0.0.1:{bound.result().port}") as channel:
        it = Running(bound.result(), channel)
        watching = asyncio.create_task(it.watch())
        yield it
        stop.set()
        await asyncio.gather(watching, return_exceptions=True)
    await task


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as made:
        yield made


@pytest.fixture
async def publisher(context: "zmq.Context[Any]") -> AsyncIterator[FakePublisher]:
    async with FakePublisher(context) as made:
        yield made


@pytest.fixture
def path(engine: FakeEngine, publisher: FakePublisher, tmp_path: Path) -> Path:
    return fleet_file(tmp_path / "fleet.yaml", [engine.address], [publisher.events], [publisher.replay])


async def test_a_router_learns_what_there_is_what_it_does_and_what_it_holds(
    path: Path, publisher: FakePublisher
) -> None:
    publisher.publish(stored([1, 2]))
    async with running(path) as it:
        await until(lambda: it.says("a-0", True, "exact") and it.held.get("a-0") == set(chained(2)))
        await until(lambda: it.load("a-0") == (3, 35, 320))
        once = await it.stub.GetFleet(fleet_pb2.GetFleetRequest())
        assert [replica.name for replica in once.replicas] == ["a-0"]
        page = await it.metrics()
        assert 'weir_pool_replicas{pool="a",ready="true"} 1.0' in page
        assert 'weir_pool_knowledge{knowledge="exact"} 1.0' in page
        assert 'weir_pool_kv_events_total{kind="stored"} 1.0' in page
        assert "weir_pool_scrape_seconds_bucket" in page


async def test_an_engines_own_word_on_its_longest_request_and_its_adapters_goes_before_the_files(
    engine: FakeEngine, tmp_path: Path
) -> None:
    engine.models = b'{"data": [{"id": "m", "max_model_len": 4096}, {"id": "lora", "parent": "m"}]}'
    async with running(fleet_file(tmp_path / "fleet.yaml", [engine.address])) as it:
        await until(lambda: "a-0" in it.replicas and it.replicas["a-0"].context_limit == 4096)
        assert list(it.replicas["a-0"].adapters) == ["lora"]


async def test_an_engine_without_events_is_known_approximately(engine: FakeEngine, tmp_path: Path) -> None:
    async with running(fleet_file(tmp_path / "fleet.yaml", [engine.address])) as it:
        await until(lambda: it.says("a-0", True, "approximate"))


async def test_an_engine_that_starts_again_is_a_new_epoch_with_an_empty_cache(
    path: Path, engine: FakeEngine, publisher: FakePublisher
) -> None:
    publisher.publish(stored([1, 2]))
    async with running(path) as it:
        await until(lambda: it.held.get("a-0") == set(chained(2)))
        engine.started = 2000.0
        publisher.restart()
        await until(lambda: it.replicas["a-0"].epoch == 2 and not it.held["a-0"])
        publisher.publish(stored([5]), at=500.0)
        await until(lambda: it.held["a-0"] == set(chained(1)) and it.says("a-0", True, "exact"))
        assert it.replicas["a-0"].epoch == 2


async def test_an_edit_of_the_file_is_taken_and_a_bad_one_is_not(
    engine: FakeEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    path = fleet_file(tmp_path / "fleet.yaml", [engine.address])
    async with running(path) as it:
        await until(lambda: "a-0" in it.replicas)
        good = path.read_text()
        path.write_text("pools: [{nmae: a}]\n")
        await until(lambda: len(caplog.messages) == 1)
        assert list(it.replicas) == ["a-0"]
        path.write_text(good.replace("]", ', "127.0.0.1:1"]'))
        await until(lambda: "a-1" in it.replicas and it.says("a-1", False, "approximate"))
        path.write_text(good)
        await until(lambda: list(it.replicas) == ["a-0"])
    assert len(caplog.messages) == 1


async def test_a_restarted_pool_goes_on_from_redis(path: Path, publisher: FakePublisher, valkey: Valkey) -> None:
    publisher.publish(stored([1, 2]))
    async with running(path, redis=valkey.url) as it:
        await until(lambda: it.says("a-0", True, "exact") and it.held.get("a-0") == set(chained(2)))
        assert "weir_pool_redis_up 1.0" in await it.metrics()
    publisher.asked.clear()
    async with running(path, redis=valkey.url) as it:
        await until(lambda: it.says("a-0", True, "exact") and it.held.get("a-0") == set(chained(2)))
        assert it.replicas["a-0"].epoch == 1


def sources(*publishers: FakePublisher) -> bytes:
    """What an engine says of its ranks' publishers."""
    said = {
        str(rank): {"publisher": "zmq", "endpoint": each.events, "replay_endpoint": each.replay, "topic": "kv@x"}
        for rank, each in enumerate(publishers)
    }
    return json.dumps(said).encode()


async def test_every_rank_that_an_engine_names_is_followed_and_together_they_are_one_replica(
    engine: FakeEngine, publisher: FakePublisher, context: "zmq.Context[Any]", tmp_path: Path, valkey: Valkey
) -> None:
    async with FakePublisher(context) as other:
        engine.sources = sources(publisher, other)
        publisher.publish(stored([1]))
        other.publish(stored([7, 8]))
        path = fleet_file(tmp_path / "fleet.yaml", [engine.address])
        for _ in range(2):  # the second goes on from both ranks' snapshots
            async with running(path, redis=valkey.url) as it:
                await until(lambda: it.says("a-0", True, "exact") and it.held.get("a-0") == set(chained(2)))
                assert it.replicas["a-0"].events == publisher.events
    with valkey.client() as client:
        assert {*client.keys("weir:{a-0}:kv*")} == {b"weir:{a-0}:kv", b"weir:{a-0}:kv:1"}


async def test_any_client_is_told_where_a_prefix_lives(path: Path, publisher: FakePublisher) -> None:
    publisher.publish(stored([1, 2]))
    async with running(path) as it:
        await until(lambda: it.says("a-0", True, "exact"))
        stub: Any = registry_pb2_grpc.RegistryStub(it.channel)  # type: ignore[no-untyped-call]
        reply = await stub.Where(registry_pb2.WhereRequest(model="llama-3.1-8b", token_ids=tokens(3)))
        assert [(each.replica, each.tiers[-1].tokens) for each in reply.holders] == [("a-0", 8)]
        with pytest.raises(grpc.aio.AioRpcError) as bad:
            await stub.Where(registry_pb2.WhereRequest())
        assert bad.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as bad:
            await stub.Session(registry_pb2.SessionRequest(session="s"))
        assert bad.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_what_is_rejected_is_counted(path: Path, publisher: FakePublisher) -> None:
    async with running(path) as it:
        await until(lambda: it.says("a-0", True, "exact"))
        publisher.send([b"x"])
        publisher.publish(stored([1]))
        await until(lambda: it.held.get("a-0") == set(chained(1)))
        assert 'weir_pool_rejected_total{what="malformed"} 1.0' in await it.metrics()


async def test_a_stranger_in_redis_is_no_replica(path: Path, valkey: Valkey) -> None:
    with valkey.client() as client:
        client.sadd("weir:replicas", "forged", "a-0")
        described = fleet_pb2.Replica(
            name="forged", address="127.0.0.1:1", events="tcp://127.0.0.1:1"
        ).SerializeToString()
        for name in ("forged", "a-0"):
            client.hset(f"weir:{{{name}}}:replica", mapping={"described": described, "report": b"", "started": b"0"})
    async with running(path, redis=valkey.url) as it:
        await until(lambda: it.says("a-0", True, "exact"))
        assert set(it.replicas) == {"a-0"}
        assert 'weir_pool_rejected_total{what="forged"} 1.0' in await it.metrics()


async def test_without_its_redis_a_pool_goes_on_and_says_so(engine: FakeEngine, tmp_path: Path) -> None:
    path = fleet_file(tmp_path / "fleet.yaml", [engine.address])
    async with running(path, redis=f"unix://{tmp_path}/nothing.sock") as it:
        await until(lambda: it.says("a-0", True, "approximate"))
        assert "weir_pool_redis_up 0.0" in await it.metrics()


async def test_a_probe_is_told_that_it_serves(engine: FakeEngine, tmp_path: Path) -> None:
    async with running(fleet_file(tmp_path / "fleet.yaml", [engine.address])) as it:
        assert await it.channel.unary_unary("/grpc.health.v1.Health/Check", None, None)(b"") == b"\x08\x01"


async def test_what_the_file_says_of_routing_is_told_and_an_edit_of_it_too(engine: FakeEngine, tmp_path: Path) -> None:
    path = fleet_file(tmp_path / "fleet.yaml", [engine.address])
    text = path.read_text()
    path.write_text(text + "slo: {ttft_s: 0.7}\nroute: {policy: two_choices}\n")
    async with running(path, discovery_interval_s=0.05) as it:
        await until(lambda: it.directions.policy == "two_choices")
        assert it.directions.ttft_s == 0.7
        path.write_text(text + "route: {policy: two_choice}\n")
        await asyncio.sleep(0.2)
        assert it.directions.policy == "two_choices"
        path.write_text(text + "route: {policy: least_loaded}\nobjectives: [{name: low, priority: -1}]\n")
        await until(lambda: it.directions.policy == "least_loaded")
        assert (it.directions.ttft_s, it.directions.objectives[0].name) == (0.0, "low")


async def test_an_envoy_is_told_of_endpoints_on_the_same_port(engine: FakeEngine, tmp_path: Path) -> None:
    async with running(fleet_file(tmp_path / "fleet.yaml", [engine.address])) as it:
        envoy = Envoy(it.channel)
        await envoy.asks("engines")
        assert (await envoy.told())[0] == {"engines": [engine.address]}
        envoy.call.cancel()


async def test_a_file_that_cannot_be_used_at_first_ends_it(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("pools: [{nmae: a}]\n")
    with pytest.raises(BadFleet, match="nmae"):
        await run(Settings(**QUICK), tmp_path / "bad.yaml", stop=asyncio.Event(), hasher=plain_chain)


def test_the_command_says_that_it_is_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    path = fleet_file(tmp_path / "fleet.yaml", ["127.0.0.1:1"])
    command = [sys.executable, "-m", "pool", "--fleet", str(path), "--listen", "127.0.0.1:0", "--metrics", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("pool ready: 1 replicas, gRPC on 127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, "Traceback" in errors) == (0, False)


async def test_what_routers_tell_of_their_requests_is_heard_and_shown(engine: FakeEngine, tmp_path: Path) -> None:
    async with running(fleet_file(tmp_path / "fleet.yaml", [engine.address])) as it:
        for age_s, arrived in ((1.0, 4), (2.0, 9)):
            pools = [fleet_pb2.PoolDemand(pool="a", role="mixed", arrived=arrived, judged=4, late=1)]
            await it.stub.TellDemand(
                fleet_pb2.Demand(router="r", age_s=age_s, pools=pools, held={"llama-3.1-8b": 2})
            )  # fmt: skip
        page = await it.metrics()
        assert 'weir_pool_routed_arrived_total{pool="a",role="mixed"} 9.0' in page
        assert 'weir_pool_routed_late_total{pool="a",role="mixed"} 1.0' in page
        assert 'weir_pool_held_requests{model="llama-3.1-8b"} 2.0' in page
        assert "weir_pool_routers 1.0" in page
