"""The gateway: what is asked on which path, and everything that happens by the clock."""

import asyncio
import socket
from collections import deque
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, cast

import msgspec

from policies.decision import Refusal, Shed
from router.boundaries import prompt_tokens
from router.core import Core
from router.counting import count_apart, count_now
from router.gateway import body as bodies
from router.gateway.body import BadRequest, ForeignKv, Limits
from router.gateway.client import Client
from router.gateway.exchange import Exchange
from router.gateway.head import Head
from router.gateway.squeezing import squeeze_apart
from router.gateway.upstream import Lane
from router.handover.legs import Handovers
from router.models import Model
from router.order import Order
from router.refusals import error_body, refusal, reply
from router.settings import Settings
from router.unstreamed import Unstreamed
from weir.tokenizer import Tokenizer

if TYPE_CHECKING:
    from router.auto.auto import Auto

TICK_S = 0.05
BACKLOG = 4096
LINGER_S = 0.5  # a request that was on its way when the router was told to stop is here by then
MOST_BUDGET = 500.0
CROWDED_S = 5.0  # after which one that found too many waiting may come again
PROXIED = frozenset((
    b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings", b"/v1/responses", b"/v1/messages", b"/v1/rerank",
    b"/v1/score", b"/tokenize", b"/detokenize",
))  # fmt: skip

_encode = msgspec.json.Encoder().encode


class Gateway:
    """Clients on one side, replicas on the other, one `Core` between them."""

    def __init__(self, core: Core, settings: Settings) -> None:
        self.core, self.settings = core, settings
        self.clients: set[Client] = set()
        self.budget = MOST_BUDGET  # attempts that may still be repeated
        self.unstreamed = Unstreamed(core.view)
        self.draining = False
        self._refuses_at = 0.0  # when it drains: from when on requests are refused
        self.deadline_s, self._retry_share = settings.deadline_s, settings.retry_share
        self._held: deque[Exchange] = deque()
        self._lanes: dict[int, Lane] = {}
        self._limits = Limits(settings.max_output_tokens, settings.max_choices)
        self._ids, self._prefix = count(), token_hex(6)
        self.handovers = Handovers(self, core)
        self._server: asyncio.Server | None = None
        self._ticks = 0
        self._tick: asyncio.TimerHandle | None = None
        self.auto: Auto | None = None  # chooses models for requests that name none

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=listener, backlog=BACKLOG)
        self._tick = loop.call_later(TICK_S, self._on_tick)

    async def drain(self) -> None:
        """Take no more connections, finish what is under way within the bound, then close everything.

        A connection closed while a request is on its way would lose it: kept ones are served for a moment longer.
        """
        self.draining = True
        if self._server is not None:
            self._server.close()
        until = monotonic() + self.settings.drain_s
        self._refuses_at = min(monotonic() + LINGER_S, until)
        await self._until_idle(self._refuses_at)
        for client in [c for c in self.clients if c.exchange is None]:
            client.transport.close()
        await self._until_idle(until)
        for client in list(self.clients):
            client.transport.abort()
        for lane in self._lanes.values():
            lane.close()
        if self._tick is not None:
            self._tick.cancel()

    async def _until_idle(self, until: float) -> None:
        """Wait until then, or until every client has its answer and is gone."""
        while monotonic() < until and (monotonic() < self._refuses_at or any(c.exchange for c in self.clients)):
            if not self.clients:
                return
            await asyncio.sleep(TICK_S)

    def lane(self, row: int) -> Lane:
        """The way to the replica in a row; a replica that moved gets a new one."""
        replica, lane = self.core.fleet.replicas[row], self._lanes.get(row)
        if lane is None or lane.replica is not replica:
            if replica is None:
                assert lane is not None
                return lane
            if lane is not None:
                lane.close()
            lane = self._lanes[row] = Lane(replica, self.settings.connect_timeout_s)
        return lane

    def request(self, client: Client, head: Head, body: bytes) -> None:
        """A whole request came."""
        if head.method == b"POST" and head.path in PROXIED:
            self._proxy(client, head, body)
        elif head.method in (b"GET", b"HEAD"):
            told = self._get(head)
            client.transport.write(told if head.method == b"GET" else told[: told.index(b"\r\n\r\n") + 4])
            self._after(client, head)
        elif self.auto is not None and head.path == b"/v1/feedback" and head.method == b"POST":
            self.auto.judge(client, head, body)
            self._after(client, head)
        else:
            known = head.path in PROXIED
            sentence = f"{head.path.decode()} takes POST." if known else f"There is no {head.path.decode()} here."
            client.transport.write(reply(405 if known else 404, error_body(sentence, "invalid_request_error")))
            self._after(client, head)

    def hold(self, exchange: Exchange) -> None:
        """Keep a request until a replica is ready, unless too many wait already."""
        if len(self._held) >= self.settings.most_held:
            exchange.refuse(Shed(Refusal.NO_REPLICA, CROWDED_S))
            return
        self._held.append(exchange)
        self.core.metrics.held += 1

    def served(self) -> None:
        """A request was answered: a share of another attempt is earned."""
        self.budget = min(self.budget + self._retry_share, MOST_BUDGET)

    def release(self) -> None:
        """The fleet changed: decide again for what is held."""
        core, now, waiting = self.core, monotonic(), sorted(self._held, key=self._matters)
        ready = {name: core.anybody(name) for name in {exchange.order.model for exchange in waiting}}
        self._held.clear()
        self.core.metrics.held -= len(waiting)
        for exchange in waiting:
            if exchange.ended:
                continue
            if now - exchange.held_since > core.coming.patience_s(exchange.order.model):
                exchange.refuse(Shed(Refusal.NO_REPLICA))
            elif ready[exchange.order.model]:
                exchange.avoid = frozenset()
                exchange.dispatch()
            else:
                self.hold(exchange)

    def waiting(self) -> list[str]:
        """The model of each request that is held."""
        return [exchange.order.model for exchange in self._held if not exchange.ended]

    def _matters(self, exchange: Exchange) -> int:
        """Whose SLO class matters more goes first; of those alike whoever came first."""
        return -self.core.promises.priority(exchange.order.slo)

    def _accept(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", Client(self))

    def _proxy(self, client: Client, head: Head, body: bytes) -> None:
        request_id = head.request_id or f"{self._prefix}-{next(self._ids):x}"
        try:
            order, slow = self.read(request_id, head, body)
        except BadRequest as bad:
            self.core.body_refused(bad.message, isinstance(bad, ForeignKv), monotonic())
            told = error_body(bad.message, "invalid_request_error", None, bad.param or None)
            client.transport.write(reply(400, told, extra=b"x-request-id: %b\r\n" % request_id.encode()))
            self._after(client, head)
            return
        if self.draining and monotonic() >= self._refuses_at:
            client.transport.write(refusal(Refusal.DRAINING, 1.0, request_id, model=order.model))
            self._after(client, head)
            return
        client.exchange = exchange = Exchange(self, client, head, body, order)
        if self.auto is not None and order.model in self.auto.names:
            self._choose(exchange, body)
        else:
            self._go(exchange, body, slow)

    def chosen(
        self, exchange: Exchange, body: bytes, stamp: bytes, choice: dict[str, object], pools: tuple[str, ...],
        wider: tuple[str, ...] | None = None, compressible: bool = False,
    ) -> None:  # fmt: skip
        """A request's model was chosen and its body says so: send it to one of those pools, or any where none is; where
        nobody there is ready, to a wider choice of them. Its prompt may be compressed where a rule or the client says.
        """
        order, slow = self.read(exchange.order.id, exchange.head, body)
        order.stamp, order.choice, order.pools = stamp, choice, pools
        order.wider, order.compressible = wider, order.compressible or compressible
        exchange.becomes(body, order)
        self._go(exchange, body, slow)

    def _go(self, exchange: Exchange, body: bytes, slow: Tokenizer | None) -> None:
        """Send a request, its prompt compressed and its tokens counted before where that is to be."""
        order = exchange.order
        model = self.core.models.get(order.model)
        share = self.core.boundaries.share(order, model) if order.compressible and model is not None else 1.0
        if share < 1.0:
            squeeze_apart(body, share, lambda made: self._squeezed(exchange, body, made))
        elif slow is None or model is None:
            exchange.dispatch()
        else:
            self._count_apart(exchange, model, slow)

    def _squeezed(self, exchange: Exchange, body: bytes, made: bytes) -> None:
        """Its prompt was compressed: read it anew and send it."""
        if exchange.ended:
            return
        old = exchange.order
        order, slow = self.read(old.id, exchange.head, made)
        order.stamp, order.choice, order.pools, order.wider = old.stamp, old.choice, old.pools, old.wider
        order.compressible = False  # once is enough
        model = self.core.models.get(old.model)
        if len(made) < len(body) and model is not None:
            order.uncut_tokens = prompt_tokens(old, model)
            order.stamp += b"\r\nx-weir-compressed: %d" % (100 * len(made) // len(body))
            self.core.metrics.squeezed(order.model)
        exchange.becomes(made, order)
        self._go(exchange, made, slow)

    def _choose(self, exchange: Exchange, body: bytes) -> None:
        """Have a model chosen for a request that names none; its body is to be read as the client sent it."""
        assert self.auto is not None
        exchange.body = body
        self.auto.begin(exchange)

    def read(self, request_id: str, head: Head, body: bytes) -> tuple[Order, Tokenizer | None]:
        """A request as an order, and the vocabulary that is to count its tokens off the loop, if any."""
        order = bodies.parse(head.path, body, request_id, self._limits)
        if head.session:
            order.session = head.session
        order.tenant, order.slo, order.compressible = head.tenant, head.slo, head.compress
        return order, count_now(order, self.core.models.get(order.model))

    def _count_apart(self, exchange: Exchange, model: Model, vocabulary: Tokenizer) -> None:
        """Count tokens with a vocabulary too slow for the loop; the request goes on when that is done."""

        def go_on() -> None:
            if not exchange.ended:
                exchange.dispatch()

        count_apart(exchange.order, model, vocabulary, go_on)

    def _after(self, client: Client, head: Head) -> None:
        if not head.keep:
            client.end()
        client.since = monotonic()

    def _get(self, head: Head) -> bytes:
        if head.path == b"/v1/models":
            names = {*self.core.models, *(self.auto.names if self.auto is not None else ())}
            listed = [{"id": name, "object": "model", "owned_by": "weir"} for name in sorted(names)]
            return reply(200, _encode({"object": "list", "data": listed}))
        if head.path == b"/health":
            ready = self.core.coming.serves() and not self.draining
            return reply(200 if ready else 503, b'{"status":"%b"}' % (b"ok" if ready else b"no replica is ready"))
        if head.path == b"/live":
            return reply(200, b'{"status":"ok"}')
        return reply(404, error_body(f"There is no {head.path.decode()} here.", "invalid_request_error"))

    def _on_tick(self) -> None:
        now = monotonic()
        self._ticks += 1
        if self.core.view.resume(now) or self._held:
            self.release()
        self.unstreamed.start_due(now)
        if self._ticks % 5 == 0:
            self._sweep(now)
        self._tick = asyncio.get_running_loop().call_later(TICK_S, self._on_tick)

    def _sweep(self, now: float) -> None:
        for client in list(self.clients):
            exchange = client.exchange
            if exchange is not None:
                if now > exchange.deadline and not exchange.ended:
                    exchange.expire()
                elif exchange.legs is not None and exchange.first_at == 0.0:
                    self.handovers.overdue(exchange, now)
                elif self.settings.stall_s > 0.0 and exchange.stream and exchange.first_at == 0.0:
                    exchange.unheard(now)
                elif self.settings.stall_s > 0.0 and exchange.spoken is not None:
                    exchange.silent(now)
            elif client.overdue(now):
                client.time_out()
        self.core.metrics.connections = len(self.clients)
        if self.auto is not None:
            self.auto.tick()
