"""The fleet's endpoints as Envoy asks for them: endpoint discovery, so that its cluster holds whoever Weir may name.

An endpoint that a router names, first or as the one to fall back to, is only taken by Envoy when its cluster has it.
So every replica is told as soon as it is found, ready or not: who is sent work is for routers to say.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from typing import Any

import grpc

from pool.feed import Feed
from pool.roster import Roster
from weir.v1 import eds_pb2

log = logging.getLogger(__name__)

SERVICE = "envoy.service.endpoint.v3.EndpointDiscoveryService"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

Context = Any  # grpc.aio.ServicerContext, of which nothing is used


def places(roster: Roster) -> tuple[tuple[str, int], ...]:
    """Every replica's IP address and port, sorted; those known by a name are left out, for Envoy compares text."""
    found = set()
    for entry in roster:
        host, _, port = entry.described.address.rpartition(":")
        host = host.strip("[]")
        if port.isdecimal() and _is_ip(host):
            found.add((host, int(port)))
    return tuple(sorted(found))


def assignment(cluster: str, found: Sequence[tuple[str, int]]) -> eds_pb2.ClusterLoadAssignment:
    """The same endpoints for any cluster that asks: there is one fleet."""
    endpoints = [
        eds_pb2.LbEndpoint(
            endpoint=eds_pb2.Endpoint(
                address=eds_pb2.Address(socket_address=eds_pb2.SocketAddress(address=host, port_value=port))
            )
        )
        for host, port in found
    ]
    return eds_pb2.ClusterLoadAssignment(
        cluster_name=cluster, endpoints=[eds_pb2.LocalityLbEndpoints(lb_endpoints=endpoints)]
    )


@dataclass(slots=True)
class Asked:
    """What one Envoy has asked for so far."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    clusters: tuple[str, ...] = ()
    over: bool = False

    async def follow(self, requests: AsyncIterator[eds_pb2.DiscoveryRequest]) -> None:
        """Read to the end of the stream: subscriptions, and what it says of the answers it got."""
        async for request in requests:
            if request.HasField("error_detail"):
                log.warning("an Envoy does not take the endpoints: %s", request.error_detail.message)
            if tuple(request.resource_names) != self.clusters:
                self.clusters = tuple(request.resource_names)
                self.changed.set()
        self.over = True
        self.changed.set()


class EndpointService:
    """Answers `StreamEndpoints`: the fleet's endpoints, now and whenever they are others."""

    def __init__(self, roster: Roster, feed: Feed) -> None:
        self._roster, self._feed = roster, feed

    async def stream(
        self, requests: AsyncIterator[eds_pb2.DiscoveryRequest], context: Context
    ) -> AsyncIterator[eds_pb2.DiscoveryResponse]:
        """One Envoy's stream."""
        asked, numbers = Asked(), count(1)
        reading = asyncio.get_running_loop().create_task(asked.follow(requests))
        last: tuple[object, ...] | None = None
        try:
            with self._feed.members_wake(asked.changed):
                while not (self._feed.ended or asked.over):
                    await asked.changed.wait()
                    asked.changed.clear()
                    told = asked.clusters, places(self._roster)
                    if asked.clusters and told != last:
                        last = told
                        yield _response(*told, next(numbers))
        finally:
            reading.cancel()

    def handlers(self) -> Any:
        """The handlers to add to a server."""
        method = grpc.stream_stream_rpc_method_handler(
            self.stream,
            request_deserializer=eds_pb2.DiscoveryRequest.FromString,
            response_serializer=eds_pb2.DiscoveryResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamEndpoints": method})


def _response(clusters: Sequence[str], found: Sequence[tuple[str, int]], number: int) -> eds_pb2.DiscoveryResponse:
    response = eds_pb2.DiscoveryResponse(version_info=str(number), nonce=str(number), type_url=ENDPOINTS)
    for cluster in clusters:
        response.resources.add(type_url=ENDPOINTS, value=assignment(cluster, found).SerializeToString())
    return response


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
