"""A kept gRPC library as the peer: what it says of HTTP/2 is what the endpoint must understand."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from router.extproc.endpoint import Endpoint
from router.worker import listen
from tests.router.extproc.plane import CHAT, body, endpoint, endpoint_of, headers, load, reply_body, reply_headers
from weir.v1 import ext_proc_pb2 as pb
from weir.v1 import ext_proc_pb2_grpc

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def served() -> AsyncIterator[tuple[Endpoint, grpc.aio.Channel]]:
    made = endpoint(drain_s=0.0)
    listener = listen("127.0.0.1", 0)
    await made.start(listener)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{listener.getsockname()[1]}") as channel:
        yield made, channel
    await made.drain()
    assert load(made.core) == 0


async def asked(channel: grpc.aio.Channel, content: bytes) -> list[pb.ProcessingResponse]:
    """One whole exchange; the answers to its request."""
    call = ext_proc_pb2_grpc.ExternalProcessorStub(channel).Process()  # type: ignore[no-untyped-call]
    await call.write(headers())
    for at in range(0, len(content), 50_000):
        await call.write(body(content[at : at + 50_000], ends=at + 50_000 >= len(content)))
    found = [await call.read()]
    back = b""
    while back != content:
        found.append(await call.read())
        assert found[-1].HasField("request_body")
        back += found[-1].request_body.response.body_mutation.streamed_response.body
    await call.write(reply_headers())
    await call.write(reply_body(b"{}"))
    assert (await call.read()).HasField("response_headers")
    assert (await call.read()).response_body.response.body_mutation.streamed_response.end_of_stream
    await call.done_writing()
    assert await call.code() == grpc.StatusCode.OK
    return found


async def test_many_calls_at_once_over_one_connection(served: tuple[Endpoint, grpc.aio.Channel]) -> None:
    found = await asyncio.gather(*(asked(served[1], CHAT) for _ in range(50)))
    assert {endpoint_of(answers[0]).partition(",")[0] for answers in found} == {"10.0.0.1:8000", "10.0.0.2:8000"}


async def test_bodies_of_megabytes_pass_through_both_windows(served: tuple[Endpoint, grpc.aio.Channel]) -> None:
    long = CHAT.replace(b'"messages"', b'"metadata":"%b","messages"' % (b"x" * 3_000_000))
    found = await asyncio.gather(*(asked(served[1], long) for _ in range(3)))
    assert all(len(answers) > 40 for answers in found)


async def test_a_cancelled_call_leaves_no_load(served: tuple[Endpoint, grpc.aio.Channel]) -> None:
    made, channel = served
    call = ext_proc_pb2_grpc.ExternalProcessorStub(channel).Process()  # type: ignore[no-untyped-call]
    await call.write(headers())
    await call.write(body())
    await call.read()
    assert load(made.core) > 0
    call.cancel()
    async with asyncio.timeout(30.0):
        while made.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_health_is_asked_in_the_usual_way(served: tuple[Endpoint, grpc.aio.Channel]) -> None:
    stub = health_pb2_grpc.HealthStub(served[1])
    answer = await stub.Check(health_pb2.HealthCheckRequest(service="readiness"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as lost:
        await stub.Check(health_pb2.HealthCheckRequest(service="other"))
    assert lost.value.code() == grpc.StatusCode.NOT_FOUND
