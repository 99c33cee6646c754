"""The pool over gRPC: weir.v1.Pool and weir.v1.Registry for routers, endpoints for an Envoy, replicas for KEDA."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from pool.eds import EndpointService
from pool.feed import Encoded, Feed
from pool.grpc_health import health
from pool.own_hashes import Hasher
from pool.roster import Roster
from pool.routed import Routed
from pool.wanting import ScalerService
from pool.where import BadQuestion, where
from weir.v1 import external_scaler_pb2_grpc, fleet_pb2, registry_pb2, registry_pb2_grpc

OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second pool on the same port is a mistake, not a share
    ("grpc.keepalive_time_ms", 20_000),  # a router that is silently gone frees its queue
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
]

Context = Any  # grpc.aio.ServicerContext, of which nothing is used


class CannotListen(OSError):
    """The address to listen on is taken or is none."""


class RegistryService(registry_pb2_grpc.RegistryServicer):
    """weir.v1.Registry: where a prefix lives, for any client."""

    def __init__(self, roster: Roster, hasher: Hasher) -> None:
        self._roster, self._hasher = roster, hasher

    async def Where(  # noqa: N802 (the wire's name)
        self, request: registry_pb2.WhereRequest, context: Context
    ) -> registry_pb2.WhereReply:
        """What each replica holds of a prefix."""
        try:
            return where(self._roster, request, self._hasher)
        except BadQuestion as bad:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(bad))
            raise

    async def Session(  # noqa: N802 (the wire's name)
        self, request: registry_pb2.SessionRequest, context: Context
    ) -> registry_pb2.SessionReply:
        """A pool sends nothing, so it knows of no session."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "A pool sends no requests: ask a router.")
        raise AssertionError


class PoolService:
    """Answers from the feed, updates as the bytes they were encoded to once; hears what routers count."""

    def __init__(self, feed: Feed, routed: Routed) -> None:
        self._feed, self._routed = feed, routed

    async def watch(self, request: fleet_pb2.WatchFleetRequest, context: Context) -> AsyncIterator[Encoded]:
        """The whole fleet, then every change."""
        subscriber = self._feed.subscribe(events=not request.without_events)
        try:
            async for encoded in subscriber.updates():
                yield encoded
        finally:
            subscriber.close()

    async def get(self, request: fleet_pb2.GetFleetRequest, context: Context) -> Encoded:
        """The whole fleet once: replicas and reports; what caches hold is for streams."""
        return bytes(self._feed.whole().SerializeToString())

    async def hear(self, request: fleet_pb2.Demand, context: Context) -> fleet_pb2.DemandHeard:
        """What a router counted."""
        self._routed.hear(request)
        return fleet_pb2.DemandHeard()

    def handlers(self) -> Any:
        """The handlers to add to a server; no serialiser, for the answers are bytes."""
        return grpc.method_handlers_generic_handler(
            "weir.v1.Pool",
            {
                "WatchFleet": grpc.unary_stream_rpc_method_handler(
                    self.watch,
                    request_deserializer=fleet_pb2.WatchFleetRequest.FromString,
                ),
                "GetFleet": grpc.unary_unary_rpc_method_handler(
                    self.get,
                    request_deserializer=fleet_pb2.GetFleetRequest.FromString,
                ),
                "TellDemand": grpc.unary_unary_rpc_method_handler(
                    self.hear,
                    request_deserializer=fleet_pb2.Demand.FromString,
                    response_serializer=fleet_pb2.DemandHeard.SerializeToString,
                ),
            },
        )


def bound(
    feed: Feed, listen: str, registry: RegistryService, endpoints: EndpointService, routed: Routed,
    scaler: ScalerService,
) -> tuple[grpc.aio.Server, int]:  # fmt: skip
    """A server that listens and its port, to be started: who connects before waits. Raises `CannotListen`."""
    server = grpc.aio.server(options=OPTIONS)
    registry_pb2_grpc.add_RegistryServicer_to_server(registry, server)  # type: ignore[no-untyped-call]
    external_scaler_pb2_grpc.add_ExternalScalerServicer_to_server(scaler, server)  # type: ignore[no-untyped-call]
    server.add_generic_rpc_handlers((PoolService(feed, routed).handlers(), endpoints.handlers(), health()))
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError:
        raise CannotListen(f"cannot listen on {listen}: is it taken?") from None
    return server, port
