"""The fleet's endpoints, as an Envoy is told of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from pool.eds import ENDPOINTS, SERVICE, EndpointService, assignment, places
from pool.feed import Feed
from pool.roster import Roster
from tests.pool.fakes import described, roster
from weir.v1 import eds_pb2


class Envoy:
    """One stream of an Envoy's."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        method: Any = channel.stream_stream(
            f"/{SERVICE}/StreamEndpoints",
            request_serializer=eds_pb2.DiscoveryRequest.SerializeToString,
            response_deserializer=eds_pb2.DiscoveryResponse.FromString,
        )
        self.call: Any = method()

    async def asks(self, *clusters: str, nonce: str = "", error: str = "") -> None:
        request = eds_pb2.DiscoveryRequest(resource_names=clusters, type_url=ENDPOINTS, response_nonce=nonce)
        if error:
            request.error_detail.message = error
        await self.call.write(request)

    async def told(self) -> tuple[dict[str, list[str]], str]:
        response = await asyncio.wait_for(self.call.read(), 5.0)
        assert response.type_url == ENDPOINTS
        found = {}
        for each in response.resources:
            assert each.type_url == ENDPOINTS
            one = eds_pb2.ClusterLoadAssignment.FromString(each.value)
            sockets = [end.endpoint.address.socket_address for part in one.endpoints for end in part.lb_endpoints]
            found[one.cluster_name] = [f"{at.address}:{at.port_value}" for at in sockets]
        return found, response.nonce


@pytest.fixture
def fleet() -> Roster:
    return roster()


@asynccontextmanager
async def asked(fleet: Roster, feed: Feed) -> AsyncIterator[Envoy]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((EndpointService(fleet, feed).handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Envoy(channel)
    await server.stop(0)


async def test_an_envoy_is_told_of_every_replica_and_of_every_change(fleet: Roster) -> None:
    feed = Feed(fleet, coalesce_s=0.0)
    fleet.enter(described("b", address="10.0.0.2:8000"))
    fleet.enter(described("a", address="10.0.0.1:8000"))
    async with asked(fleet, feed) as envoy:
        await envoy.asks("engines")
        found, nonce = await envoy.told()
        assert found == {"engines": ["10.0.0.1:8000", "10.0.0.2:8000"]}
        await envoy.asks("engines", nonce=nonce)
        fleet.enter(described("c", address="10.0.0.3:8000"))
        assert (await envoy.told())[0]["engines"][-1] == "10.0.0.3:8000"
        fleet.leave("a")
        assert (await envoy.told())[0] == {"engines": ["10.0.0.2:8000", "10.0.0.3:8000"]}


async def test_what_is_no_change_of_endpoints_is_not_told(fleet: Roster) -> None:
    feed = Feed(fleet, coalesce_s=0.0)
    entry = fleet.enter(described("a", address="10.0.0.1:8000"))
    async with asked(fleet, feed) as envoy:
        await envoy.asks("engines")
        assert (await envoy.told())[1] == "1"
        fleet.answered(entry)
        fleet.describe(entry, described("a", address="10.0.0.1:8000", gpu="l4"))
        feed.flush()
        fleet.enter(described("b", address="10.0.0.2:8000"))
        found, nonce = await envoy.told()
        assert (len(found["engines"]), nonce) == (2, "2")


async def test_another_cluster_is_told_the_same_and_one_that_complains_is_heard(
    fleet: Roster, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Feed(fleet, coalesce_s=0.0)
    fleet.enter(described("a", address="10.0.0.1:8000"))
    async with asked(fleet, feed) as envoy:
        await envoy.asks("engines")
        await envoy.told()
        await envoy.asks("engines", "others", nonce="1", error="no such thing")
        assert (await envoy.told())[0] == {"engines": ["10.0.0.1:8000"], "others": ["10.0.0.1:8000"]}
    assert "no such thing" in caplog.text


async def test_an_empty_fleet_is_an_empty_cluster_and_the_stream_ends_with_the_feed(fleet: Roster) -> None:
    feed = Feed(fleet, coalesce_s=0.0)
    async with asked(fleet, feed) as envoy:
        await envoy.asks("engines")
        assert (await envoy.told())[0] == {"engines": []}
        feed.end()
        assert await envoy.call.read() is grpc.aio.EOF  # type: ignore[attr-defined]


def test_only_addresses_that_are_ips_are_told_each_once(fleet: Roster) -> None:
    for name, address in (("a", "10.0.0.1:8000"), ("b", "10.0.0.1:8000"), ("c", "[::1]:8001"), ("d", "engine:8000"),
                          ("e", "nonsense")):  # fmt: skip
        fleet.enter(described(name, address=address))
    assert places(fleet) == (("10.0.0.1", 8000), ("::1", 8001))


def test_the_bytes_are_those_of_envoys_own_messages() -> None:
    told = assignment("engines", [("10.0.0.1", 8000)]).SerializeToString()
    address = b"\x0a\x0d\x12\x08" + b"10.0.0.1" + b"\x18\xc0\x3e"  # socket_address {address: ..., port_value: 8000}
    endpoint = b"\x0a" + bytes([len(address)]) + address  # address
    lb = b"\x0a" + bytes([len(endpoint)]) + endpoint  # endpoint
    locality = b"\x12" + bytes([len(lb)]) + lb  # lb_endpoints
    assert told == b"\x0a\x07engines\x12" + bytes([len(locality)]) + locality
