"""A real Envoy with the chart's own configuration: the pool service tells it the fleet, a router where to."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from bench.envoy.contestants import PROGRAM
from pool.eds import EndpointService
from pool.feed import Feed
from pool.roster import Roster
from router.extproc.endpoint import Endpoint
from router.settings import Settings
from router.worker import listen
from tests.helm.rendering import CHART, HERE, helm, one
from tests.pool.fakes import roster
from tests.router.caller import Caller
from tests.router.fakes import FakeReplica, answer, refused_port
from tests.router.routers import core_of, described

pytestmark = [
    pytest.mark.skipif(not Path(PROGRAM).exists(), reason="no Envoy here: `python -m bench.cluster.ready` gets one"),
]
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


DRAINING = ("--drain-strategy", "immediate", "--drain-time-s", "30")
"""As the chart starts it."""


def configuration(ports: dict[int, int]) -> dict[str, Any]:
    """What the chart gives its Envoy, the services' names and ports replaced by those of this test."""
    rendered = yaml.safe_load_all((HERE / "golden" / "envoy.yaml").read_text())
    (found,) = [each for each in rendered if (each["kind"], each["metadata"]["name"]) == ("ConfigMap", "weir-envoy")]
    config: dict[str, Any] = yaml.safe_load(found["data"]["envoy.yaml"])
    places = [config["admin"]["address"], config["static_resources"]["listeners"][0]["address"]]
    for cluster in config["static_resources"]["clusters"]:
        places += [
            end["endpoint"]["address"]
            for part in cluster.get("load_assignment", {}).get("endpoints", [])
            for end in part["lb_endpoints"]
        ]
    for place in places:
        at = place["socket_address"]
        at["address"], at["port_value"] = "127.0.0.1", ports[at["port_value"]]
    return config


@dataclass
class Fronted:
    """A pool service's endpoint discovery, a router's endpoint picker, and the chart's Envoy before them."""

    roster: Roster
    endpoint: Endpoint
    port: int
    admin: int

    async def clusters(self) -> str:
        """What Envoy says of its endpoints."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.admin)
        writer.write(b"GET /clusters HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        return text

    async def knows(self, *addresses: str) -> None:
        """Wait until Envoy's cluster has these endpoints."""
        async with asyncio.timeout(20.0):
            while True:
                with contextlib.suppress(OSError):
                    text = await self.clusters()
                    if all(f"engines::{address}::" in text for address in addresses):
                        return
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def fronted(tmp_path: Path, *addresses: str) -> AsyncIterator[Fronted]:
    told = [described(f"r{i}", address) for i, address in enumerate(addresses)]
    fleet = roster()
    feed = Feed(fleet, coalesce_s=0.0)
    for each in told:
        fleet.enter(each)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((EndpointService(fleet, feed).handlers(),))
    discovery = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ours = Settings(policy="least_loaded", tokens="estimate", ext_proc="x:1", drain_s=0.0, ext_proc_replies=1.0)
    endpoint = Endpoint(core_of(ours, *told), ours)
    listener = listen("127.0.0.1", 0)
    await endpoint.start(listener)
    ports = {9100: discovery, 9002: listener.getsockname()[1], 8080: refused_port(), 9901: refused_port()}
    path = tmp_path / "envoy.yaml"
    path.write_text(yaml.safe_dump(configuration(ports)))
    command = [PROGRAM, "--config-path", str(path), "--disable-hot-restart", "--service-cluster", "weir",
               "--service-node", "test", "--concurrency", "1", "--log-level", "off", *DRAINING]  # fmt: skip
    envoy = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL)
    made = Fronted(roster=fleet, endpoint=endpoint, port=ports[8080], admin=ports[9901])
    try:
        await made.knows(*addresses)
        yield made
    finally:
        envoy.terminate()
        await envoy.wait()
        await endpoint.drain()
        feed.end()
        await server.stop(0)


@pytest.mark.parametrize(("release", "values"), [
    ("weir", "envoy.maxBodyBytes=33554432"),
    ("front", "envoy.maxBodyBytes=1048576,router.extProc.fallbacks=0,router.extProc.replies=1"),
])  # fmt: skip
def test_what_the_chart_renders_is_valid_to_envoy_as_it_stands(tmp_path: Path, release: str, values: str) -> None:
    given = f"envoy.enabled=true,router.extProc.enabled=true,{values}"
    objects = yaml.safe_load_all(helm("template", release, str(CHART), "--set", given))
    (found,) = [each for each in objects if each and "envoy.yaml" in each.get("data", {})]
    path = tmp_path / "envoy.yaml"
    path.write_text(found["data"]["envoy.yaml"])
    said = ["--service-cluster", "weir", "--service-node", "test"]
    command = [PROGRAM, "--mode", "validate", "--config-path", str(path), *said]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "OK" in done.stdout


async def test_a_chat_goes_where_the_router_says(tmp_path: Path) -> None:
    replicas = [FakeReplica(f"r{i}", answer) for i in range(3)]
    for each in replicas:
        await each.start()
    async with fronted(tmp_path, *(each.address for each in replicas)) as made, Caller(made.port) as caller:
        for _ in range(9):
            reply = await caller.ask(**BODY)
            assert (reply.status, b"hello" in reply.body) == (200, True)
            told = reply.headers["x-weir-replica"]
            assert replicas[int(told[1:])].seen.pop() is not None
    for each in replicas:
        await each.stop()


async def test_an_envoy_that_is_told_to_stop_has_kept_connections_closed_after_their_answer(tmp_path: Path) -> None:
    replica, pod = FakeReplica("r0", answer), one("envoy", "Deployment", "weir-envoy")["spec"]["template"]["spec"]
    args, stop = pod["containers"][0]["args"], pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert set(DRAINING) <= set(args)
    await replica.start()
    async with fronted(tmp_path, replica.address) as made, Caller(made.port) as caller:
        assert "connection" not in (await caller.ask(**BODY)).headers
        words = [*stop[:2], stop[2].replace("9901", str(made.admin)).replace("sleep 30", "head -c 12 <&3")]
        done = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
        assert (await done.communicate())[0] == b"HTTP/1.1 200"
        reply = await caller.ask(**BODY)
        assert (reply.status, reply.headers["connection"]) == (200, "close")
    await replica.stop()


async def test_a_retry_of_envoys_reaches_the_fallback_endpoint(tmp_path: Path) -> None:
    alive, gone = FakeReplica("r1", answer), f"127.0.0.1:{refused_port()}"
    await alive.start()
    async with fronted(tmp_path, gone, alive.address) as made, Caller(made.port) as caller:
        for _ in range(12):
            assert (await caller.ask(**BODY)).status == 200
        assert made.endpoint.core.metrics.retries["data plane"] >= 1
    assert len(alive.seen) == 12
    await alive.stop()


async def test_a_replica_that_joins_is_known_to_envoy_without_a_restart(tmp_path: Path) -> None:
    first, second = FakeReplica("r0", answer), FakeReplica("r9", answer)
    await first.start()
    await second.start()
    async with fronted(tmp_path, first.address) as made, Caller(made.port) as caller:
        assert (await caller.ask(**BODY)).headers["x-weir-replica"] == "r0"
        made.roster.enter(described("r9", second.address))
        await made.knows(second.address)
        made.roster.leave("r0")
        core = made.endpoint.core
        core.leave("r0")
        core.join(core_of(Settings(), described("r9", second.address)).fleet.replicas[0])  # type: ignore[arg-type]
        core.view.set_ready(core.fleet.rows["r9"], True)
        assert (await caller.ask(**BODY)).headers["x-weir-replica"] == "r9"
    assert len(second.seen) == 1
    await first.stop()
    await second.stop()
