"""weir.v1.Registry at the router: what its own index says of a prefix, over gRPC."""

import asyncio
from typing import Any

import grpc
import pytest

from policies.kv.blocks import hash_tokens
from router.exposition import Exposition
from router.registry_sessions import Sessions
from router.rpc import Rpc
from router.settings import Settings
from tests.router.caller import chat
from tests.router.fakes import refused_port
from tests.router.routers import described
from tests.router.test_route_rpc import OneUpdate
from weir.v1 import fleet_pb2, registry_pb2, registry_pb2_grpc, route_pb2

IDS = list(range(100, 180))
BLOCKS = hash_tokens(IDS, 16).tolist()
FACTS = {"events": "tcp://h:1", "tokenizer": "llama3", "chat_template": "llama3"}


def stored(replica: str, blocks: int) -> fleet_pb2.KvEvent:
    return fleet_pb2.KvEvent(
        replica=replica, kind=fleet_pb2.KvEvent.STORED, blocks=BLOCKS[:blocks], tier="hbm", block_tokens=16
    )


def told() -> fleet_pb2.FleetUpdate:
    """Three replicas whose caches are known exactly."""
    replicas = [described(name, f"h:{name}", epoch=3, **FACTS) for name in ("a", "b", "c")]
    reports = [fleet_pb2.ReplicaReport(name=one.name, ready=True, knowledge="exact") for one in replicas]
    events = [stored("a", 2), stored("b", 5)]
    return fleet_pb2.FleetUpdate(snapshot=True, replicas=replicas, reports=reports, events=events)


class Client:
    def __init__(self, channel: grpc.aio.Channel, rpc: Rpc) -> None:
        self.stub: Any = registry_pb2_grpc.RegistryStub(channel)  # type: ignore[no-untyped-call]
        self.rpc = rpc

    async def where(self, **fields: Any) -> dict[str, list[tuple[str, int]]]:
        reply = await self.stub.Where(registry_pb2.WhereRequest(**fields))
        return {each.replica: [(tier.tier, tier.tokens) for tier in each.tiers] for each in reply.holders}


@pytest.fixture
async def client():  # type: ignore[no-untyped-def]
    sessions = Sessions("unix:///nowhere/at/all.sock")
    rpc, stop, address = Rpc(Settings(tokens="always"), Exposition(), None, sessions), asyncio.Event(), ""
    address = f"127.0.0.1:{refused_port()}"
    running = asyncio.create_task(rpc.run(address, OneUpdate(told()), stop))
    async with asyncio.timeout(20):
        while not rpc.core.models:  # noqa: ASYNC110 (the server listens before it takes the fleet in)
            await asyncio.sleep(0.002)
    async with grpc.aio.insecure_channel(address) as channel:
        yield Client(channel, rpc)
    stop.set()
    await running
    await sessions.close()


async def test_token_ids_are_found_where_events_said_they_are(client: Client) -> None:
    found = await client.where(model="m", token_ids=IDS)
    assert list(found) == ["b", "a"]
    assert found == {"b": [("hbm", 80)], "a": [("hbm", 32)]} or all(tokens for tokens in found.values())
    assert (found["b"][0], found["a"][0]) == (("hbm", 80), ("hbm", 32))


async def test_blocks_will_do_for_tokens(client: Client) -> None:
    assert await client.where(blocks=BLOCKS) == await client.where(model="m", token_ids=IDS)


async def test_a_body_is_tokenised_where_the_router_can(client: Client) -> None:
    body = chat(messages=[{"role": "user", "content": "where " * 200}])
    assert await client.where(body=body) == {}
    client.rpc.core.held.stored(client.rpc.core.fleet.rows["c"], blocks_of(client, body))
    assert list(await client.where(body=body)) == ["c"]


def blocks_of(client: Client, body: bytes) -> Any:
    core = client.rpc.core
    order = client.rpc._order(route_pb2.RouteRequest(body=body))
    core.models["m"].hash_tokens(core.held.blocks, order)
    return core.held.blocks.hashes().copy()


async def test_an_adapters_prompt_lives_elsewhere(client: Client) -> None:
    assert await client.where(model="m", token_ids=IDS, adapter="ad1") == {}
    assert await client.where(model="m", token_ids=IDS, cache_salt="salt") == {}


async def test_how_far_the_answer_can_be_trusted_is_said(client: Client) -> None:
    reply = await client.stub.Where(registry_pb2.WhereRequest(model="m", token_ids=IDS))
    first = reply.holders[0]
    assert (first.knowledge, first.epoch, first.ready, first.address) == ("exact", 3, True, "h:b")
    assert (reply.block_tokens, reply.tokens) == (16, 80)


@pytest.mark.parametrize(
    "fields",
    [{}, {"model": "m"}, {"model": "x", "token_ids": [1]}, {"body": b"{"}, {"body": chat(model="x")}],
    ids=lambda fields: ",".join(fields) or "nothing",
)
async def test_a_question_without_an_answer_is_an_invalid_argument(client: Client, fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as bad:
        await client.where(**fields)
    assert bad.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (bad.value.details() or "").endswith(".")


async def test_a_session_is_where_its_last_request_went(client: Client) -> None:
    routed = await client.rpc.Route(route_pb2.RouteRequest(model="m", token_ids=IDS, session="s"), None)  # type: ignore[arg-type]
    reply = await client.stub.Session(registry_pb2.SessionRequest(session="s"))
    assert reply.replica == routed.send.decode
    assert not (await client.stub.Session(registry_pb2.SessionRequest(session="other"))).replica
