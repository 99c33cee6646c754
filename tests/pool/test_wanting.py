"""How many replicas are wanted, as KEDA asks for it over gRPC and as Prometheus reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from pool.metrics import Wants
from pool.wanting import METRIC, ScalerService, Wanting
from weir.v1 import external_scaler_pb2 as wire
from weir.v1 import external_scaler_pb2_grpc


def about(pool: str) -> wire.ScaledObjectRef:
    return wire.ScaledObjectRef(name="chat", namespace="inference", scalerMetadata={"pool": pool} if pool else {})


@asynccontextmanager
async def keda(wanting: Wanting) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    external_scaler_pb2_grpc.add_ExternalScalerServicer_to_server(ScalerService(wanting), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield external_scaler_pb2_grpc.ExternalScalerStub(channel)  # type: ignore[no-untyped-call]
    await server.stop(0)


def wanting(**replicas: int | None) -> Wanting:
    made = Wanting()
    made.tell(replicas)
    return made


async def asked(scaler: Any, pool: str) -> int:
    answer = await scaler.GetMetrics(wire.GetMetricsRequest(scaledObjectRef=about(pool), metricName=METRIC))
    (value,) = answer.metricValues
    assert value.metricName == METRIC
    return int(value.metricValue)


async def test_the_metric_is_the_replicas_wanted_with_one_a_replica_as_its_target() -> None:
    async with keda(wanting(chat=5, code=0)) as scaler:
        (spec,) = (await scaler.GetMetricSpec(about("chat"))).metricSpecs
        assert (spec.metricName, spec.targetSize) == (METRIC, 1)
        assert await asked(scaler, "chat") == 5
        assert await asked(scaler, "code") == 0


async def test_a_pool_that_shall_have_nobody_is_not_active() -> None:
    async with keda(wanting(chat=5, code=0)) as scaler:
        assert (await scaler.IsActive(about("chat"))).result
        assert not (await scaler.IsActive(about("code"))).result


async def test_whoever_listens_hears_at_once_and_then_of_every_turn_alone() -> None:
    wants = wanting(chat=0)
    async with keda(wants) as scaler:
        call = scaler.StreamIsActive(about("chat"))
        assert not (await asyncio.wait_for(call.read(), 5.0)).result
        for replicas in (1, 2, 3):
            wants.tell({"chat": replicas})
        assert (await asyncio.wait_for(call.read(), 5.0)).result
        wants.tell({"chat": 0})
        assert not (await asyncio.wait_for(call.read(), 5.0)).result
        call.cancel()


@pytest.mark.parametrize(
    ("wants", "pool", "code", "words"),
    [
        ({}, "chat", grpc.StatusCode.UNAVAILABLE, "ask again"),
        ({"chat": 1, "code": 1}, "chart", grpc.StatusCode.NOT_FOUND, "`pool: NAME` of chat, code"),
        ({"chat": 1}, "", grpc.StatusCode.NOT_FOUND, "`pool: NAME` of chat"),
        ({"chat": None}, "chat", grpc.StatusCode.FAILED_PRECONDITION, "a scaling policy"),
    ],
)
async def test_what_is_not_known_is_an_error_that_says_what_to_do(
    wants: dict[str, int | None], pool: str, code: grpc.StatusCode, words: str
) -> None:
    async with keda(wanting(**wants)) as scaler:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asked(scaler, pool)
        assert refused.value.code() == code
        assert words in str(refused.value.details())


async def test_the_gauge_names_every_pool_of_which_something_is_wanted() -> None:
    (family,) = Wants(wanting(chat=5, code=0, free=None)).collect()
    assert family.name == "weir_pool_replicas_wanted"
    assert {each.labels["pool"]: each.value for each in family.samples} == {"chat": 5, "code": 0}


async def test_saying_the_same_again_wakes_nobody() -> None:
    wants = wanting(chat=1)
    changed = wants.changed
    wants.tell({"chat": 1})
    assert not changed.is_set()
    wants.tell({"chat": 2})
    assert changed.is_set()
    assert not wants.changed.is_set()
