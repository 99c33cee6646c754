"""What the workers count, told once a second to every pool service: each of them may come to lead."""

import asyncio
from collections.abc import Callable, Iterable
from secrets import token_hex
from socket import SOCK_STREAM, gaierror
from time import monotonic

import grpc

from policies.scale.lengths import CLASSES
from router.counts import DemandCounts, Snapshot
from weir.v1 import fleet_pb2

TELL_S = 1.0
ANSWER_S = 1.0  # one that has not answered by then is told again, with newer counts
LOOK_S = 5.0  # how often the addresses of a name are looked up
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000)]


class Teller:
    """Tells whoever listens at any address of some host names: `host:port`, comma-separated."""

    def __init__(
        self, places: str, counted: Callable[[], Iterable[Snapshot]], clock: Callable[[], float] = monotonic
    ) -> None:
        self._places = [place.strip().rpartition(":")[::2] for place in places.split(",")]
        self._found: dict[tuple[str, str], frozenset[str]] = {}
        self._counted, self._clock = counted, clock
        self._router, self._began = token_hex(8), clock()
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._looked_at = -LOOK_S

    async def run(self) -> None:
        """Tell for ever."""
        try:
            while True:
                await self.tell()
                await asyncio.sleep(TELL_S)
        finally:
            await self._keep(frozenset())

    async def tell(self) -> None:
        """Tell everybody once; whoever does not hear it is told more the next time, for counts are totals."""
        if self._clock() - self._looked_at >= LOOK_S:
            self._looked_at = self._clock()
            await self._look()
        told = demand(self._router, self._clock() - self._began, self._counted())
        await asyncio.gather(*[_told(channel, told) for channel in self._channels.values()])

    async def _look(self) -> None:
        """A channel to each address; those of before where a name is not answered."""
        loop = asyncio.get_running_loop()
        for host, port in self._places:
            try:
                found = await loop.getaddrinfo(host.strip("[]"), port, type=SOCK_STREAM)
            except gaierror:
                continue
            self._found[host, port] = frozenset(_written(str(place[4][0]), port) for place in found)
        await self._keep(frozenset().union(*self._found.values()))

    async def _keep(self, addresses: frozenset[str]) -> None:
        for gone in self._channels.keys() - addresses:
            await self._channels.pop(gone).close(None)
        for new in addresses - self._channels.keys():
            self._channels[new] = grpc.aio.insecure_channel(new, options=OPTIONS)


def demand(router: str, age_s: float, snapshots: Iterable[Snapshot]) -> fleet_pb2.Demand:
    """The sum of what all workers of a router counted, dead ones too, and of what waits at those that live."""
    totals, held = dict[str, DemandCounts](), dict[str, int]()
    for snapshot in snapshots:
        add(totals, snapshot.demand)
        for model, count in snapshot.waiting.items():
            held[model] = held.get(model, 0) + count
    return fleet_pb2.Demand(router=router, age_s=age_s, pools=[_pool(*one) for one in totals.items()], held=held)


def add(into: dict[str, DemandCounts], counts: dict[str, DemandCounts]) -> None:
    """Add the counts of one worker to others'."""
    for key, one in counts.items():
        total = into.setdefault(key, DemandCounts())
        for field in DemandCounts.__struct_fields__:
            here, more = getattr(total, field), getattr(one, field)
            if isinstance(more, dict):
                here |= {length: here.get(length, 0) + count for length, count in more.items()}
            else:
                setattr(total, field, here + more)


def _pool(key: str, counts: DemandCounts) -> fleet_pb2.PoolDemand:
    pool, _, role = key.rpartition("\t")
    return fleet_pb2.PoolDemand(
        pool=pool, role=role, arrived=counts.arrived, prompt_tokens=counts.prompt_tokens, ended=counts.ended,
        output_tokens=counts.output_tokens, judged=counts.judged, late=counts.late,
        lengths=_by_class(counts.lengths), answered=_by_class(counts.answered),
        answer_tokens=_by_class(counts.answer_tokens),
    )  # fmt: skip


def _by_class(counts: dict[int, int]) -> list[int]:
    return [counts.get(length, 0) for length in range(CLASSES)] if counts else []


async def _told(channel: grpc.aio.Channel, told: fleet_pb2.Demand) -> None:
    call = channel.unary_unary(
        "/weir.v1.Pool/TellDemand",
        request_serializer=fleet_pb2.Demand.SerializeToString,
        response_deserializer=fleet_pb2.DemandHeard.FromString,
    )
    try:
        await call(told, timeout=ANSWER_S)
    except grpc.aio.AioRpcError:
        return  # it is away, or older than this message: the next one says all that this did


def _written(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
