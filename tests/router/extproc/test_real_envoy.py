"""A real Envoy in front, configured as the measurement configures it, where one is installed."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.envoy import configs
from bench.envoy.contestants import PROGRAM
from bench.gateway.places import make_folders
from router.extproc.endpoint import Endpoint
from router.settings import Settings
from router.worker import listen
from tests.router.caller import Caller
from tests.router.extproc.plane import load
from tests.router.fakes import FakeReplica, answer, refused_port, stream
from tests.router.routers import core_of, described

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not Path(PROGRAM).exists(), reason="no Envoy here: `python -m bench.cluster.ready` gets one"),
]
MODES = {
    "buffered": configs.modes(configs.BUFFERED, replies=False),
    "duplex": configs.modes(configs.DUPLEX),
    "duplex-requests": configs.modes(configs.DUPLEX, replies=False),
    "ahead": configs.AHEAD,
}
SHOWN = ("buffered", "duplex")
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@contextlib.asynccontextmanager
async def fronted(mode: str, addresses: list[str], **settings: object) -> AsyncIterator[tuple[Endpoint, int]]:
    """An endpoint over some addresses, and an Envoy on a port in front of it."""
    ours = Settings(**{  # type: ignore[arg-type]
        "policy": "least_loaded", "tokens": "estimate", "ext_proc": "x:1", "drain_s": 0.0, "ext_proc_replies": 1.0,
        **settings,
    })  # fmt: skip
    told = [described(f"r{i}", address) for i, address in enumerate(addresses)]
    made = Endpoint(core_of(ours, *told), ours)
    listener = listen("127.0.0.1", 0)
    await made.start(listener)
    make_folders()
    port = refused_port()
    ports = tuple(int(address.rpartition(":")[2]) for address in addresses)
    config = configs.write(f"test-{mode}", port, listener.getsockname()[1], MODES[mode], ports=ports)
    command = [PROGRAM, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "off"]
    envoy = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(20.0):
            while True:
                with contextlib.suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                await asyncio.sleep(0.05)
        yield made, port
    finally:
        envoy.terminate()
        await envoy.wait()
        await made.drain()
        assert load(made.core) < 1e-6


async def settled(made: Endpoint) -> None:
    """Wait until the endpoint knows of every reply's end: Envoy tells it after the client."""
    async with asyncio.timeout(30.0):
        while made.core.metrics.in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", MODES)
async def test_a_chat_reaches_the_replica_that_was_picked_and_comes_back(mode: str) -> None:
    replica = FakeReplica("r0", answer)
    await replica.start()
    async with fronted(mode, [replica.address]) as (made, port), Caller(port) as caller:
        reply = await caller.ask(**BODY)
        assert reply.status == 200
        assert b"hello" in reply.body
        if mode in SHOWN:
            assert reply.headers["x-weir-replica"] == "r0"
            await settled(made)
            assert made.core.metrics.series("m", "p").prompt_tokens == 40
    await replica.stop()


@pytest.mark.parametrize("mode", ["buffered", "duplex"])
async def test_a_stream_comes_back_whole_and_its_usage_is_read(mode: str) -> None:
    replica = FakeReplica("r0", stream)
    await replica.start()
    async with fronted(mode, [replica.address]) as (made, port), Caller(port) as caller:
        reply = await caller.ask(**BODY, stream=True)
        assert reply.body.endswith(b"data: [DONE]\n\n")
        await settled(made)
        assert made.core.metrics.series("m", "p").output_tokens == 5
    await replica.stop()


@pytest.mark.parametrize("mode", MODES)
async def test_a_retry_of_envoys_reaches_the_endpoint_named_second(mode: str) -> None:
    alive = FakeReplica("r1", answer)
    await alive.start()
    gone = f"127.0.0.1:{refused_port()}"
    async with fronted(mode, [gone, alive.address]) as (made, port), Caller(port) as caller:
        for _ in range(12):
            assert (await caller.ask(**BODY)).status == 200
        if mode in SHOWN:
            assert made.core.metrics.retries["data plane"] >= 1
    assert len(alive.seen) == 12
    await alive.stop()


@pytest.mark.parametrize("mode", MODES)
async def test_a_rewritten_model_is_what_the_replica_reads(mode: str) -> None:
    replica = FakeReplica("r0", answer)
    await replica.start()
    rules = (("alias", (("m", 1),)),)
    async with fronted(mode, [replica.address], rewrites=rules) as (_, port), Caller(port) as caller:
        assert (await caller.ask(**{**BODY, "model": "alias"})).status == 200
    assert b'"model":"m"' in replica.seen[0].body
    assert replica.seen[0].header("transfer-encoding") is None
    await replica.stop()


@pytest.mark.parametrize(("mode", "left"), [("buffered", 0), ("ahead", 0), ("duplex-requests", 1)])
async def test_a_reply_not_shown_counts_until_it_ends_or_as_predicted_where_the_call_ends_before(
    mode: str, left: int
) -> None:
    replica = FakeReplica("r0", answer)
    await replica.start()
    async with fronted(mode, [replica.address], ext_proc_replies=0.0) as (made, port), Caller(port) as caller:
        assert (await caller.ask(**BODY)).status == 200
        async with asyncio.timeout(30.0):
            while made.calls:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert made.core.metrics.in_flight == left
        made.sweep(1e18)
        assert made.core.metrics.in_flight == 0
    await replica.stop()


async def test_refusals_and_other_paths_are_answered_for_the_replica() -> None:
    async with fronted("buffered", ["127.0.0.1:9"]) as (_, port), Caller(port) as caller:
        reply = await caller.ask(**{**BODY, "model": "nobody"})
        assert (reply.status, reply.headers["x-weir-refused"]) == (404, "unknown-model")
        caller.send(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        listed = await caller.reply()
        assert listed.json["data"][0]["id"] == "m"
