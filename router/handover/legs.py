"""A request's two legs: the prompt computed where it was placed, the answer decoded where the core says then."""

import asyncio
import logging
from secrets import randbits
from time import monotonic
from typing import TYPE_CHECKING, cast

from policies.fleet import WAITING, Replica
from router.core import Core, Placement
from router.gateway.framing import CHUNKED, ReplyHead, dechunk
from router.gateway.spoken import ERROR
from router.handover import bodies
from router.handover.port import BadAnswer, Fields, Pair, Splitting, Wire, host_of, wire_named
from router.handover.side import SideFailed, asked

if TYPE_CHECKING:
    from router.gateway.exchange import Exchange
    from router.gateway.server import Gateway

SAID_EVERY_S = 60.0
MOST_COLLECTED = 16 << 20

At = tuple[str, int]
"""A replica's address, and how often it was found restarted: its engine has another name then."""

_log = logging.getLogger("weir.handover")


class Legs:
    """Where one request stands between its two replicas."""

    __slots__ = ("body", "cached", "collected", "fields", "head", "prefilling", "reused", "sent_at", "side", "until")

    def __init__(self, body: bytes) -> None:
        self.body = body  # what one replica would be asked
        self.prefilling = True
        self.head: ReplyHead | None = None  # of the prefill leg's answer
        self.collected = bytearray()  # its body, as it came
        self.fields: Fields | None = None  # what the decode leg's body gets; None: it computes the prompt itself
        self.cached = -1  # prompt tokens that the prefill replica had cached, where it says so
        self.until = self.sent_at = 0.0  # when the lease ends; when the decode leg was sent
        self.reused = False
        self.side: asyncio.Task[None] | None = None  # a prefill leg that runs beside the decode leg

    def close(self) -> None:
        """Break off what runs beside; the prefill replica sees the connection close, and drops the request."""
        if self.side is not None:
            self.side.cancel()
            self.side = None


class Handovers:
    """Makes the hand-overs of one gateway."""

    def __init__(self, gateway: "Gateway", core: Core) -> None:
        self._gateway, self._core = gateway, core
        self._splitting = cast("Splitting", core) if hasattr(core, "decoder") else None
        self._wire: Wire = wire_named(core.settings.hand_over)
        self._engines: dict[At, str] = {}  # what prefill replicas call themselves
        self._asking: dict[At, asyncio.Task[None]] = {}  # those that are being asked
        self._hosts: tuple[int, frozenset[str]] = (-1, frozenset())
        self._said_at = -SAID_EVERY_S

    def begin(self, exchange: "Exchange") -> None:
        """A request was placed on a prefill replica: make its legs; the first one is sent by who calls."""
        placement = exchange.placement
        if self._splitting is None or placement is None:
            return
        legs = Legs(exchange.body)
        if self._wire.parallel:
            self._begin_both(exchange, placement, legs)
            return
        exchange.legs = legs
        exchange.body = bodies.prefill_body(legs.body, self._wire.prefill(self._pair(placement.replica, None)))

    def heard(self, exchange: "Exchange", data: bytes) -> bytes:
        """A piece of a leg's reply; what of it is for the client."""
        legs, placement = exchange.legs, exchange.placement
        assert legs is not None
        if legs.prefilling:
            legs.collected += data
            if len(legs.collected) > MOST_COLLECTED and exchange.upstream is not None:
                exchange.upstream.abandon()
                exchange.failed("answer too long")
            return b""
        if exchange.first_at == 0.0 and placement is not None:
            if data.find(ERROR) >= 0:
                if exchange.upstream is not None:
                    exchange.upstream.abandon()
                exchange.failed("engine error")
                return b""
            self._arrived(exchange, legs, placement)
        return bodies.as_one(data, legs.cached) if legs.cached >= 0 else data

    def prefilled(self, exchange: "Exchange", close: bool) -> None:
        """The prefill leg's answer is whole: go on with the decode leg, or tell the client what it said."""
        legs, placement, splitting = exchange.legs, exchange.placement, self._splitting
        assert legs is not None
        assert placement is not None
        assert splitting is not None
        assert legs.head is not None
        content, now = bytes(legs.collected), monotonic()
        if legs.head.status != 200:
            exchange.legs, exchange.body = None, legs.body
            exchange.plain(legs.head, content, close)
            return
        told = bodies.answer(dechunk(content) if legs.head.length == CHUNKED else content)
        legs.prefilling, legs.cached = False, told.cached
        legs.until = now + self._core.settings.kv_lease_s
        legs.fields = self._fields(placement, told.kv_transfer_params)
        row = splitting.decoder(placement, now, exchange.avoid)
        if row < 0:
            # Nobody decodes: the replica that has the prompt goes on with it.
            legs.fields, row = None, placement.row
            self._core.metrics.handed_over("stayed")
        self._decode(exchange, legs, placement, row)

    def again(self, exchange: "Exchange", why: str) -> bool:
        """The decode leg failed before its first byte: another replica decodes with the same parameters, while the
        lease holds and nobody has fetched the blocks yet; else the prompt is to be computed again, and it is False.
        """
        legs, placement, now = exchange.legs, exchange.placement, monotonic()
        fetched = why.startswith(("status", "engine", "transfer"))
        if legs is None or placement is None or self._splitting is None:
            return False
        if legs.prefilling or legs.fields is None or legs.reused or fetched or self._wire.parallel:
            return False
        if now >= legs.until or not exchange.may_retry():
            return False
        exchange.avoid |= {exchange.row}
        row = self._splitting.decoder(placement, now, exchange.avoid)
        if row < 0 or row in exchange.avoid:
            return False
        legs.reused = True
        exchange.attempts += 1
        self._gateway.budget -= 1.0
        self._core.metrics.handed_over(f"again after {why}")
        exchange.reply = None
        self._decode(exchange, legs, placement, row)
        return True

    def overdue(self, exchange: "Exchange", now: float) -> None:
        """The sweep looks: a decode leg without a byte for too long is given up."""
        legs = exchange.legs
        if legs is None or legs.prefilling or legs.fields is None or exchange.upstream is None:
            return
        if exchange.first_at == 0.0 and now - legs.sent_at > self._core.settings.transfer_timeout_s:
            exchange.upstream.abandon()
            exchange.reply = None
            self._core.metrics.handed_over("timeout")
            exchange.failed("transfer timeout")

    def _decode(self, exchange: "Exchange", legs: Legs, placement: Placement, row: int) -> None:
        assert self._splitting is not None
        if row != exchange.row:
            self._splitting.hand_over(placement, row)
        exchange.row, legs.sent_at = row, monotonic()
        exchange.body = bodies.with_fields(legs.body, legs.fields or {})
        self._gateway.lane(row).send(exchange)

    def _begin_both(self, exchange: "Exchange", placement: Placement, legs: Legs) -> None:
        """Send the prefill leg beside; the decode leg becomes the exchange's own."""
        assert self._splitting is not None
        row = self._splitting.decoder(placement, monotonic(), exchange.avoid)
        if row < 0 or row == placement.row:
            return
        decode = self._core.fleet.replicas[row]
        engine = self._engines.get(_at(placement.replica), "")
        if self._wire.asks_engine and not engine:
            self._ask_engine(placement.replica)  # this one is computed and decoded where it was placed
            return
        pair = self._pair(placement.replica, decode, engine)
        legs.prefilling, legs.sent_at, legs.fields = False, monotonic(), self._wire.decode(pair, None)
        exchange.legs, exchange.row = legs, row
        exchange.body = bodies.with_fields(legs.body, legs.fields)
        body = bodies.prefill_body(legs.body, self._wire.prefill(pair))
        loop = asyncio.get_running_loop()
        legs.side = loop.create_task(self._prefill_beside(exchange, legs, placement.replica, body))

    async def _prefill_beside(self, exchange: "Exchange", legs: Legs, replica: Replica, body: bytes) -> None:
        head = exchange.forward + b"host: %b\r\nx-request-id: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (
            replica.address.encode(), exchange.id_bytes, len(body),
        )  # fmt: skip
        try:
            status, content = await asked(replica.address, head + body, exchange.deadline - monotonic())
            why = "" if status == 200 else f"status {status}"
            legs.cached = bodies.answer(content).cached
        except SideFailed:
            why = "prefill leg"
        legs.side = None
        if why and exchange.legs is legs and not exchange.ended and exchange.first_at == 0.0:
            exchange.row = self._core.fleet.rows.get(replica.name, -1)  # the one that failed
            if exchange.upstream is not None:
                exchange.upstream.abandon()
            exchange.failed(why)

    def _ask_engine(self, replica: Replica) -> None:
        """Learn what a prefill replica calls itself, for the requests to come; one that did not say is asked again."""
        at = _at(replica)
        if at in self._asking:
            return
        where = f"{host_of(replica.address)}:{self._core.settings.bootstrap_port}"

        async def ask() -> None:
            request = b"GET /query HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % where.encode()
            try:
                status, content = await asked(where, request, self._core.settings.connect_timeout_s)
            except SideFailed:
                return
            if status == 200 and (engine := bodies.engine(content)):
                there = {_at(one) for one in self._core.fleet.replicas if one is not None}
                self._engines = {**{one: told for one, told in self._engines.items() if one in there}, at: engine}

        self._asking[at] = asyncio.get_running_loop().create_task(ask())
        self._asking[at].add_done_callback(lambda _: self._asking.pop(at, None))

    def _arrived(self, exchange: "Exchange", legs: Legs, placement: Placement) -> None:
        """The decode leg's first byte: of a request sent at once to both, the prompt is computed only now."""
        assert self._splitting is not None
        if legs.fields is not None:
            self._core.metrics.handed_over("done")
        if self._wire.parallel:
            self._splitting.hand_over(placement, exchange.row)
        elif legs.fields is not None and self._core.fleet.table[exchange.row, WAITING] == 0.0:
            # With nobody waiting there, what is above a step was the transfer.
            spent = monotonic() - legs.sent_at - placement.tpot_s
            self._splitting.transferred(placement, max(spent, 0.0))

    def _fields(self, placement: Placement, params: Fields | None) -> Fields | None:
        """What the decode leg gets; None where the prefill replica's answer is no good, which is counted."""
        try:
            fields = self._wire.decode(self._pair(placement.replica, None), params)
            for host, port in self._wire.places(fields):
                if host not in self._known_hosts() or not 0 < port < 65536:
                    raise BadAnswer(f"it would fetch KV from {host}:{port}, which is none of the fleet's")
        except BadAnswer as bad:
            self._core.metrics.refused("foreign-kv")
            self._core.metrics.handed_over("refused")
            self._say(f"{placement.replica.name}: {bad}; the prompt is computed again")
            return None
        return fields

    def _known_hosts(self) -> frozenset[str]:
        fleet = self._core.fleet
        if self._hosts[0] != fleet.version:
            own = {host_of(one.address) for one in fleet.replicas if one is not None}
            more = {host.strip() for host in self._core.settings.kv_hosts.split(",") if host.strip()}
            self._hosts = (fleet.version, frozenset(own | more))
        return self._hosts[1]

    def _pair(self, prefill: Replica, decode: Replica | None, engine: str = "") -> Pair:
        port = self._core.settings.bootstrap_port
        return Pair(prefill=prefill, decode=decode, room=randbits(63), bootstrap_port=port, engine=engine)

    def _say(self, sentence: str) -> None:
        now = monotonic()
        if now - self._said_at >= SAID_EVERY_S:
            self._said_at = now
            _log.warning(sentence)


def _at(replica: Replica) -> At:
    return replica.address, replica.epoch
