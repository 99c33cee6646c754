"""Where updates of the fleet come from: the pool service's stream, or a fleet file when there is no pool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import grpc

from router.complaints import Complaints
from weir.fleetfile import messages, read_fleet
from weir.v1 import fleet_pb2

AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0)
MOST_MESSAGE = 256 << 20
ALIVE = [
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.max_receive_message_length", MOST_MESSAGE),
]


class Feed(Protocol):
    """A source of serialized `FleetUpdate` messages, a snapshot first and after every interruption."""

    def updates(self) -> AsyncIterator[bytes]:
        """The updates, without end."""


class FileFeed:
    """A fleet file taken at its word: every replica is ready; only failing connections say otherwise."""

    def __init__(self, path: Path) -> None:
        self._update = from_file(path).SerializeToString()

    async def updates(self) -> AsyncIterator[bytes]:
        """One snapshot, then silence."""
        yield self._update
        await asyncio.Event().wait()


class PoolFeed:
    """The pool service's WatchFleet, watched again whenever it breaks off."""

    def __init__(
        self, address: str, router: str, on_state: Callable[[bool], None] = lambda up: None,
        complaints: Complaints | None = None,
    ) -> None:  # fmt: skip
        self._address, self._router, self._on_state = address, router, on_state
        self._complaints = complaints or Complaints()
        self._ever = False  # whether it was heard at all

    async def updates(self) -> AsyncIterator[bytes]:
        """Updates while the pool is there; none while it is not, and a fresh snapshot when it is back."""
        tries = 0
        while True:
            heard = False
            async with grpc.aio.insecure_channel(self._address, options=ALIVE) as channel:
                try:
                    async for update in _watch(channel, self._router):
                        if not heard:
                            self._on_state(True)
                        self._ever, heard, tries = True, True, 0
                        yield update
                except grpc.aio.AioRpcError as broken:
                    if not heard:  # one that broke off may be there again at once
                        self._complain(broken)
            self._on_state(False)
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1

    def _complain(self, broken: grpc.aio.AioRpcError) -> None:
        meanwhile = "the fleet stays as it was last told" if self._ever else "nothing is served until it does"
        self._complaints.say(
            "pool", f"the pool service at {self._address} does not answer ({broken.details() or broken.code().name}): "
            f"{meanwhile}, and it is asked again", asyncio.get_running_loop().time(),
        )  # fmt: skip


def from_file(path: Path) -> fleet_pb2.FleetUpdate:
    """A fleet file as a snapshot in which everybody is ready; `weir.strictyaml.BadFile` says what is wrong with it."""
    found = messages(read_fleet(path))
    reports = [fleet_pb2.ReplicaReport(name=r.name, ready=True, knowledge="approximate") for r in found]
    return fleet_pb2.FleetUpdate(snapshot=True, replicas=found, reports=reports)


def _watch(channel: grpc.aio.Channel, router: str) -> AsyncIterator[bytes]:
    """WatchFleet with its replies left serialized: the workers read them."""
    service = fleet_pb2.DESCRIPTOR.services_by_name["Pool"]
    call = channel.unary_stream(
        f"/{service.full_name}/WatchFleet",
        request_serializer=fleet_pb2.WatchFleetRequest.SerializeToString,
        response_deserializer=lambda raw: raw,
    )
    return call(fleet_pb2.WatchFleetRequest(router=router))  # type: ignore[return-value]
