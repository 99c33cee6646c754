"""The gateway: what is asked on which path, and everything that happens by the clock."""

import asyncio
import socket
from collections import deque
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, cast

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
from router.listing import listing
from router.models import Model
from router.order import Order
from router.refusals import error_body, reply
from router.rewriting import renamed
from router.settings import Settings
from router.ticking import TICK_S, Ticks
from router.unstreamed import Unstreamed
from weir.tokenizer import Tokenizer

if TYPE_CHECKING:
    from router.apart.large import LargeBodies
    from router.auto.auto import Auto

MOST_AT_ONCE = 64 << 10  # bytes of a body that is read on the loop whatever is asked of it
BACKLOG = 4096
LINGER_S = 0.5  # a request that was on its way when the router was told to stop is here by then
MOST_BUDGET = 500.0
CROWDED_S = 5.0  # after which one that found too many waiting may come again
PROXIED = frozenset((
    b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings", b"/v1/responses", b"/v1/messages", b"/v1/rerank",
    b"/v1/score", b"/tokenize", b"/detokenize",
))  # fmt: skip
READ = frozenset((b"/v1/models", b"/health", b"/live"))


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
        self.limits = Limits(settings.max_output_tokens, settings.max_choices)
        self._ids, self._prefix = count(), token_hex(6)
        self.handovers = Handovers(self, core)
        self._server: asyncio.Server | None = None
        self._ticks = Ticks(self, core.view, self.unstreamed)
        self.auto: Auto | None = None  # chooses models for requests that name none
        self._large: LargeBodies | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=listener, backlog=BACKLOG)
        self._ticks.start()

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
        self._ticks.stop()
        if self._large is not None:
            self._large.close()

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
            told = self._get(head) or self._elsewhere(head)
            client.transport.write(told if head.method == b"GET" else told[: told.index(b"\r\n\r\n") + 4])
            self._after(client, head)
        elif self.auto is not None and head.path == b"/v1/feedback" and head.method == b"POST":
            self.auto.judge(client, head, body)
            self._after(client, head)
        else:
            client.transport.write(self._elsewhere(head))
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
        self.give_up(monotonic())
        waiting = sorted(self._held, key=_matters)
        self._held.clear()
        self.core.metrics.held -= len(waiting)
        for exchange in waiting:
            exchange.avoid = frozenset()
            exchange.dispatch()

    def give_up(self, now: float) -> None:
        """Refuse what has been held for too long, and forget those whose client went away."""
        if not self._held:
            return
        waiting, self._held, patience_s = self._held, deque(), self.core.coming.patience_s
        self.core.metrics.held -= len(waiting)
        for exchange in waiting:
            if exchange.ended:
                continue
            if now - exchange.held_since <= patience_s(exchange.order.model):
                self._held.append(exchange)
                self.core.metrics.held += 1
            else:
                exchange.refuse(Shed(Refusal.NO_REPLICA))

    def waiting(self) -> list[str]:
        """The model of each request that is held."""
        return [exchange.order.model for exchange in self._held if not exchange.ended]

    def _accept(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", Client(self))

    def _proxy(self, client: Client, head: Head, body: bytes) -> None:
        request_id = head.request_id or f"{self._prefix}-{next(self._ids):x}"
        if len(body) > MOST_AT_ONCE and self._apart().takes(len(body)):
            self._apart().begin(client, head, body, request_id)
            return
        try:
            order = self._parsed(request_id, head, body, self.limits)
            body = self.rewritten(order, body)
            slow = count_now(order, self.core.models.get(order.model))
        except BadRequest as bad:
            client.transport.write(self.wrong(request_id, bad, isinstance(bad, ForeignKv)))
            self._after(client, head)
            return
        client.exchange = exchange = Exchange(self, client, head, body, order)
        self.begun(exchange, body, slow)

    def begun(self, exchange: Exchange, body: bytes, slow: Tokenizer | None = None) -> None:
        """A request was read: refuse it, have its model chosen, or send it."""
        order = exchange.order
        if self.draining and monotonic() >= self._refuses_at:
            exchange.refuse(Shed(Refusal.DRAINING))
        elif self.auto is not None and order.model in self.auto.names:
            self._choose(exchange, body)
        else:
            self._go(exchange, body, slow)

    def wrong(self, request_id: str, bad: BadRequest, foreign: bool) -> bytes:
        """The reply to a body that is refused; `foreign`: it held a hand-over of the client's own."""
        self.core.body_refused(bad.message, foreign, monotonic())
        told = error_body(bad.message, "invalid_request_error", None, bad.param or None)
        return reply(400, told, extra=b"x-request-id: %b\r\n" % request_id.encode())

    def chosen(
        self, exchange: Exchange, body: bytes, stamp: bytes, choice: dict[str, object], pools: tuple[str, ...],
        wider: tuple[str, ...] | None = None, compressible: bool = False,
    ) -> None:  # fmt: skip
        """A request's model was chosen and its body says so: send it to one of those pools, or any where none is; where
        nobody there is ready, to a wider choice of them. Its prompt may be compressed where a rule or the client says.
        """

        def go_on(order: Order, slow: Tokenizer | None = None) -> None:
            order.stamp, order.choice, order.pools = stamp, choice, pools
            order.wider, longer = wider, choice.get("longer")
            order.compressible = order.compressible or compressible
            if isinstance(longer, float):
                order.longer = longer
            exchange.becomes(body, order)
            self._go(exchange, body, slow)

        if len(body) > MOST_AT_ONCE:
            self._apart().again(exchange, body, go_on)
        else:
            order, slow = self.read(exchange.order.id, exchange.head, body)
            go_on(order, slow)

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
        order.longer, order.compressible = old.longer, False  # once is enough
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

    def read(
        self, request_id: str, head: Head, body: bytes, limits: Limits | None = None
    ) -> tuple[Order, Tokenizer | None]:
        """A request as an order, and the vocabulary that is to count its tokens off the loop, if any."""
        order = self._parsed(request_id, head, body, limits or self.limits)
        return order, count_now(order, self.core.models.get(order.model))

    def told_of(self, order: Order, head: Head) -> None:
        """Note on an order what its request's headers say."""
        if head.session:
            order.session = head.session
        order.tenant, order.slo, order.compressible = head.tenant, head.slo, head.compress
        self.core.promises.weigh(order, head.objective)

    def rewritten(self, order: Order, body: bytes) -> bytes:
        """The body to send: where a rewrite says so the order and it ask for another model."""
        wanted = self.core.rewriting.target(order.model, order.id)
        if wanted == order.model:
            return body
        order.model = wanted
        return renamed(body, wanted)

    def _parsed(self, request_id: str, head: Head, body: bytes, limits: Limits) -> Order:
        order = bodies.parse(head.path, body, request_id, limits)
        self.told_of(order, head)
        return order

    def _apart(self) -> "LargeBodies":
        """Who reads large bodies; a gateway that has had none holds nothing of that in memory."""
        if self._large is None:
            from router.apart.large import LargeBodies

            self._large = LargeBodies(self)
        return self._large

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
        """The answer to a GET; empty where there is none."""
        if head.path == b"/health":
            ready = self.core.coming.serves() and not self.draining
            return reply(200 if ready else 503, b'{"status":"%b"}' % (b"ok" if ready else b"no replica is ready"))
        if head.path == b"/live":
            return reply(200, b'{"status":"ok"}')
        found = listing(head.path, {*self.core.models, *(self.auto.names if self.auto is not None else ())})
        return b"" if found is None else reply(found[0], found[1])

    def _elsewhere(self, head: Head) -> bytes:
        """The answer on a path, or by a method, for which there is nothing."""
        path, takes = head.path.decode(), b""
        if head.path in PROXIED or (self.auto is not None and head.path == b"/v1/feedback"):
            takes = b"POST"
        elif head.path in READ:
            takes = b"GET"
        if not takes:
            return reply(404, error_body(f"There is no {path} here.", "invalid_request_error"))
        said = error_body(f"{path} takes {takes.decode()}.", "invalid_request_error")
        return reply(405, said, extra=b"allow: %b\r\n" % takes)

    def sweep(self, now: float) -> None:
        """What has waited too long: replies, clients; and the learner's turn."""
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


def _matters(exchange: Exchange) -> int:
    """Who matters more goes first; of those alike whoever came first."""
    return -exchange.order.priority
