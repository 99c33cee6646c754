"""grpc.health.v1.Health, as much of it as a probe asks: two messages of one field, so no generated code."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

SERVING = b"\x08\x01"  # HealthCheckResponse(status=SERVING)


async def _check(request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
    return SERVING


async def _watch(request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> AsyncIterator[bytes]:
    yield SERVING
    await asyncio.Event().wait()  # a server that runs serves; the stream's end says the rest


def health() -> Any:
    """The handlers to add to a server."""
    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.unary_unary_rpc_method_handler(_check),
            "Watch": grpc.unary_stream_rpc_method_handler(_watch),
        },
    )
