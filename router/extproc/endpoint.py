"""The endpoint: data planes' connections on one side, one `Core` on the other, and everything that is by the clock."""

import asyncio
import socket
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import Final, cast

from policies.decision import Outcome, Refusal, Shed
from policies.request import coin
from router.core import Core, Placement
from router.counting import count_apart
from router.extproc.call import READING, Call
from router.extproc.connection import Connection
from router.extproc.heads import Head
from router.extproc.health import CHECK, WATCH, HealthCall
from router.extproc.picker import JSON, Picker
from router.extproc.stream import Service, Stream
from router.gateway.body import BadRequest, ForeignKv
from router.gateway.server import CROWDED_S, PROXIED
from router.listing import listing
from router.models import Model
from router.refusals import error_body
from router.settings import Settings
from router.ticking import TICK_S, Ticks
from router.unstreamed import Unstreamed
from weir.tokenizer import Tokenizer

PROCESS: Final = b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
BACKLOG: Final = 1024
FRAMING_BYTES: Final = 256 << 10  # that a message may have beside a body
SALT: Final = 12  # of the draw whose reply is shown


class Endpoint:
    """Answers `ExternalProcessor.Process` and the gRPC health service."""

    def __init__(self, core: Core, settings: Settings) -> None:
        self.core, self.settings = core, settings
        self.picker = Picker(core, settings)
        self.streams_per_connection = settings.ext_proc_streams
        self.most_body_bytes = settings.max_body_bytes
        self.most_message_bytes = self.most_body_bytes + FRAMING_BYTES
        self._share = settings.ext_proc_replies
        self.calls: dict[Call, None] = {}
        self.draining = False
        self._connections: set[Connection] = set()
        self._watches: list[HealthCall] = []
        self._held: list[Call] = []
        self._fading: list[tuple[float, Placement, int]] = []
        self._unstreamed = Unstreamed(core.view)
        self._ids, self._prefix = count(), token_hex(6)
        self._server: asyncio.Server | None = None
        self._ticks = Ticks(self, core.view, self._unstreamed)

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        loop = asyncio.get_running_loop()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._server = await loop.create_server(self._accept, sock=listener, backlog=BACKLOG)
        self._ticks.start()

    async def drain(self) -> None:
        """Take no more calls, finish what is under way within the bound, then close everything."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.drain()
        until = monotonic() + self.settings.drain_s
        while monotonic() < until and self.calls:  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)
        for connection in list(self._connections):
            connection.transport.abort()
        for _, placement, status in self._fading:
            self._faded(placement, status, monotonic())
        self._ticks.stop()

    def service(self, stream: Stream, head: Head) -> Service | None:
        """Who answers a call of this method; None where nobody does."""
        if head.path == PROCESS:
            call = Call(self, stream, head.stays)
            self.calls[call] = None
            return call
        if head.path in (CHECK, WATCH):
            found = HealthCall(stream, head.path == WATCH, self._ready)
            if found.watches:
                self._watches.append(found)
            return found
        return None

    def gone(self, call: Call) -> None:
        """A call has ended."""
        if call in self.calls:
            del self.calls[call]

    def request(self, call: Call) -> None:
        """A whole request was read: decide where it goes."""
        headers = call.headers
        request_id = call.id or self._id(headers)
        path = headers.get(b":path", b"/v1/chat/completions").partition(b"?")[0]
        if path not in PROXIED or headers.get(b":method", b"POST") != b"POST":
            self._elsewhere(call, path)
            return
        try:
            slow = self.picker.read(call, path, request_id)
        except BadRequest as bad:
            self.core.body_refused(bad.message, isinstance(bad, ForeignKv), monotonic())
            told = error_body(bad.message, "invalid_request_error", None, bad.param or None)
            call.reply(400, [JSON, (b"x-request-id", request_id.encode())], told, "bad-request")
            return
        if self.draining:
            call.refuse(Shed(Refusal.DRAINING))
        elif slow is None or call.order is None:
            self.place(call)
        else:
            self._count_apart(call, self.core.models[call.order.model], slow)

    def bodiless(self, call: Call) -> None:
        """A request of which no body will be seen before it must be decided."""
        path = call.headers.get(b":path", b"").partition(b"?")[0]
        if path in PROXIED and call.headers.get(b":method") == b"POST":
            self.picker.blind(call, call.id or self._id(call.headers))
            self.place(call)
        else:
            self._elsewhere(call, path)

    def shows(self, call: Call) -> bool:
        """Whether the data plane is asked to show the reply to this request: a share of them, drawn by their ids."""
        call.id = self._id(call.headers)
        share = self._share
        return share >= 1.0 or (share > 0.0 and coin(call.id, SALT) < share)

    def place(self, call: Call) -> None:
        """Ask the core."""
        decision = self.picker.place(call, monotonic())
        if isinstance(decision, Placement):
            self._unstreamed.wait(decision.sent_at + decision.ttft_s, decision.load)
        call.decided(decision)

    def hold(self, call: Call) -> None:
        """Keep a request until a replica is ready; those that matter more go first."""
        if len(self._held) >= self.settings.most_held:
            call.refuse(Shed(Refusal.NO_REPLICA, CROWDED_S))
            return
        self._held.append(call)
        self.core.metrics.held += 1

    def release(self) -> None:
        """The fleet changed: decide again for what is held."""
        self.give_up(monotonic())
        waiting, self._held = sorted(self._held, key=_before), []
        self.core.metrics.held -= len(waiting)
        for call in waiting:
            self.place(call)
            call.stream.connection.flush()

    def give_up(self, now: float) -> None:
        """Refuse what has been held for too long, and forget calls that ended; and who is spare is looked up again."""
        self.picker.forget_spares()
        if not self._held:
            return
        waiting, self._held, patience_s = self._held, [], self.core.coming.patience_s
        self.core.metrics.held -= len(waiting)
        for call in waiting:
            if call.over:
                continue
            if now - call.held_since <= patience_s(_model(call)):
                self._held.append(call)
                self.core.metrics.held += 1
                continue
            call.refuse(Shed(Refusal.NO_REPLICA))
            call.stream.connection.flush()

    def waiting(self) -> list[str]:
        """The model of each request that is held."""
        return [_model(call) for call in self._held if not call.over]

    def fade(self, placement: Placement, status: int) -> None:
        """Of a request whose reply is not shown: count its load for as long as was predicted."""
        until = placement.sent_at + placement.ttft_s + placement.tpot_s * placement.expected_tokens
        self._fading.append((until, placement, status))

    def too_large(self, call: Call) -> None:
        """A body beyond the limit."""
        self.core.metrics.refused("http-413")
        told = f"The body may have {self.settings.max_body_bytes} bytes."
        call.reply(413, [JSON], error_body(told, "invalid_request_error"), "too-large")

    def _accept(self) -> asyncio.BaseProtocol:
        connection = Connection(self, self._connections.discard)
        self._connections.add(connection)
        return cast("asyncio.BaseProtocol", connection)

    def _id(self, headers: dict[bytes, bytes]) -> str:
        told = headers.get(b"x-request-id", b"")[:256].decode("latin-1")
        return told if told and told.isascii() and told.isprintable() else f"{self._prefix}-{next(self._ids):x}"

    def _ready(self) -> bool:
        return self.core.coming.serves() and not self.draining

    def _elsewhere(self, call: Call, path: bytes) -> None:
        """A path that no replica is asked on."""
        if (found := listing(path, self.core.models)) is not None:
            call.reply(found[0], [JSON], found[1], "models")
            return
        named = path[:256].decode("latin-1")
        known = path in PROXIED
        sentence = f"{named} takes POST." if known else f"There is no {named} here."
        call.reply(405 if known else 404, [JSON], error_body(sentence, "invalid_request_error"), "no-such-path")

    def _count_apart(self, call: Call, model: Model, vocabulary: Tokenizer) -> None:
        """Count tokens with a vocabulary too slow for the loop; the request goes on when that is done."""
        assert call.order is not None

        def go_on() -> None:
            if not call.over:
                self.place(call)
                call.stream.connection.flush()

        count_apart(call.order, model, vocabulary, go_on)

    def sweep(self, now: float) -> None:
        """What has waited too long: bodies, replies, connections; and whoever watches is told how things are."""
        settings = self.settings
        for call in list(self.calls):
            waited = now - call.since
            if call.state == READING and waited > settings.body_timeout_s:
                self.core.metrics.refused("http-408")
                call.reply(408, [JSON], error_body("The request took too long to arrive.", "timeout_error"), "stalled")
            elif waited > settings.deadline_s:
                call.expire()
            call.stream.connection.flush()
        for connection in [each for each in self._connections if each.overdue(now, settings.head_timeout_s)]:
            connection.transport.abort()
        due, self._fading = self._fading, [each for each in self._fading if each[0] > now]
        for until, placement, status in due:
            if until <= now:
                self._faded(placement, status, until)
        self._watches = [watch for watch in self._watches if not watch.stream.over]
        for watch in self._watches:
            watch.tell()
            watch.stream.connection.flush()

    def _faded(self, placement: Placement, status: int, at: float) -> None:
        first = placement.sent_at + placement.ttft_s
        outcome = Outcome(
            True, placement.ttft_s, placement.tpot_s, at - placement.sent_at, 0, 0, -1, placement.cost_usd, status
        )
        self.core.first_token(placement, first)
        self.core.end(placement, outcome, seen=False)


def _model(call: Call) -> str:
    return call.order.model if call.order is not None else ""


def _before(call: Call) -> tuple[int, float]:
    return -call.order.priority if call.order is not None else 0, call.held_since
