"""One request on its way: placed, sent, its reply passed on, retried while the client has no byte of it."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from policies.decision import Outcome, Queue, Refusal, Shed
from router.core import NOBODY, Placement
from router.gateway.framing import ReplyHead
from router.gateway.head import Head
from router.gateway.usage import numbers
from router.order import Order
from router.refusals import error_body, refusal

if TYPE_CHECKING:
    from router.gateway.client import Client
    from router.gateway.server import Gateway
    from router.gateway.upstream import Upstream

JOIN_BELOW = 64 << 10  # larger bodies are written by themselves rather than copied behind their head
KEPT_TAIL = 4096  # bytes of an unstreamed reply kept for its usage


class Exchange:
    """A request, its attempts and its reply."""

    __slots__ = (
        "arrived", "attempts", "avoid", "before", "body", "client", "connecting", "deadline", "ended", "events",
        "first_at", "gateway", "head", "held_since", "id_bytes", "order", "placement", "reply", "sent_bytes",
        "status", "stream", "upstream", "usage",
    )  # fmt: skip

    def __init__(self, gateway: "Gateway", client: "Client", head: Head, body: bytes, order: Order) -> None:
        self.gateway, self.client, self.head, self.body = gateway, client, head, body
        self.order, self.stream, self.id_bytes = order, order.stream, order.id.encode()
        self.arrived = monotonic()
        self.deadline = self.arrived + (head.deadline_s or gateway.deadline_s)
        self.attempts, self.avoid = 0, NOBODY
        self.placement: Placement | None = None
        self.upstream: Upstream | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.reply: ReplyHead | None = None  # a reply's head, held back until its first body byte
        self.held_since = self.first_at = 0.0
        self.status, self.events = 0, 0
        self.before = self.usage = b""  # the last pieces of the reply
        self.sent_bytes = self.ended = False

    def dispatch(self) -> None:
        """Decide, and send to the replica decided on; or wait, or refuse."""
        gateway = self.gateway
        decision = gateway.core.place(self.order, monotonic(), self.avoid)
        if isinstance(decision, Placement):
            self.placement = decision
            if not self.stream:
                gateway.unstreamed.append((decision.sent_at + decision.ttft_s, decision.load))
            gateway.lane(decision.row).send(self)
        elif isinstance(decision, Queue):
            self.held_since = self.held_since or monotonic()
            gateway.hold(self)
        else:
            self.refuse(decision)

    def write_request(self, transport: asyncio.Transport, host_line: bytes) -> None:
        """Write the request to a replica."""
        body = self.body
        parts = [
            self.head.forward, host_line, b"x-request-id: ", self.id_bytes, b"\r\ncontent-length: ",
            str(len(body)).encode(), b"\r\n\r\n",
        ]  # fmt: skip
        if len(body) < JOIN_BELOW:
            parts.append(body)
            transport.write(b"".join(parts))
        else:
            transport.write(b"".join(parts))
            transport.write(body)

    def may_retry(self) -> bool:
        """Whether another attempt is allowed: nothing reached the client, and the budget holds."""
        return not self.sent_bytes and self.attempts < self.gateway.settings.retries and self.gateway.budget >= 1.0

    def failed(self, why: str) -> None:
        """The attempt failed before the client had a byte: try elsewhere."""
        placement, gateway = self.placement, self.gateway
        if self.ended or placement is None:
            return
        self._settle(placement, ok=False, status=502)
        self.avoid |= {placement.row}
        if not self.may_retry():
            self.refuse(Shed(Refusal.RETRIES))
            return
        self.attempts += 1
        gateway.budget -= 1.0
        gateway.core.metrics.retried(why)
        self.dispatch()

    def unreachable(self, why: str) -> None:
        """The replica is not there: leave it out for a while and try elsewhere, or wait for one to be back.

        Nobody has begun to work on the request, so this is bounded by time, not by the number of attempts.
        """
        placement, gateway = self.placement, self.gateway
        if self.ended or placement is None:
            return
        now = monotonic()
        self.held_since = self.held_since or now
        gateway.core.view.suspend(placement.row, now + gateway.settings.suspend_s)
        self._settle(placement, ok=False, status=502)
        gateway.core.metrics.retried(why)
        if now - self.held_since > gateway.settings.hold_s:
            self.refuse(Shed(Refusal.NO_REPLICA))
        else:
            self.dispatch()

    def lost(self, why: str, stale: bool, whole: bool) -> None:
        """The replica's connection broke: `stale` when it was a kept one that had died meanwhile, so that a new one
        may well do; `whole` when it broke between two chunks.
        """
        if self.ended:
            return
        if self.sent_bytes:
            self._break_off(why, whole)
        elif stale and self.placement is not None:
            self._settle(self.placement, ok=False, status=502)
            self.gateway.core.metrics.retried("stale connection")
            self.reply = None
            self.dispatch()
        elif self.placement is not None:
            self.reply = None
            self.gateway.core.view.suspend(self.placement.row, monotonic() + self.gateway.settings.suspend_s)
            self.failed(why)

    def reply_begins(self, head: ReplyHead) -> None:
        """The reply's head came; it waits for the first byte of its body, until then another replica may answer."""
        self.reply, self.status, self.held_since = head, head.status, 0.0

    def pass_on(self, data: bytes) -> None:
        """Pass a piece of the reply's body to the client."""
        if self.first_at == 0.0:
            self._first(data)
            return
        self._note(data)
        self.client.transport.write(data)

    def completed(self, close: bool) -> None:
        """The reply is whole."""
        placement = self.placement
        assert placement is not None
        self.ended = True
        self._settle(placement, ok=self.status < 400, status=self.status)
        self.gateway.served()
        self.client.next(close or not self.head.keep)

    def cancel(self) -> None:
        """The client went away: so does the work."""
        self._drop(499)

    def expire(self) -> None:
        """The deadline passed."""
        begun = self.sent_bytes
        self._drop(504)
        if begun:
            self.client.transport.abort()
        else:
            self._answer(Shed(Refusal.DEADLINE))

    def refuse(self, shed: Shed) -> None:
        """Tell the client why not."""
        self.ended = True
        self._answer(shed)

    def _first(self, data: bytes) -> None:
        placement, reply = self.placement, self.reply
        assert placement is not None
        assert reply is not None
        now = self.first_at = monotonic()
        if self.stream and reply.status == 200:
            self.gateway.core.first_token(placement, now)
        self._note(data)
        self.sent_bytes = True
        stamp = self.gateway.lane(placement.row).stamp
        self.client.transport.write(b"".join((reply.raw, stamp, self.id_bytes, b"\r\n\r\n", data)))

    def _note(self, data: bytes) -> None:
        if self.stream:
            self.events += data.count(b"\n\n")
            # A stream's usage stands in its last piece, or in the one before a [DONE] that came by itself.
            self.before, self.usage = self.usage, data
        else:
            self.usage = (self.usage + data)[-KEPT_TAIL:] if self.usage else data

    def _settle(self, placement: Placement, *, ok: bool, status: int) -> None:
        self.placement = None
        now = monotonic()
        prompt, output, cached = numbers(self.before + self.usage) if ok else (-1, 0, -1)
        if output < 0:
            output = max(self.events - 2, 0)
        first = self.first_at or now
        self.gateway.core.end(placement, Outcome(
            ok, first - placement.sent_at, (now - first) / max(output - 1, 1), now - self.arrived, max(prompt, 0),
            output, cached, placement.cost_usd, status, self.attempts,
        ))  # fmt: skip

    def _drop(self, status: int) -> None:
        self.ended = True
        if self.connecting is not None:
            self.connecting.cancel()
        if self.upstream is not None:
            self.upstream.exchange = None
            self.upstream.transport.abort()
            self.upstream = None
        if self.placement is not None:
            self._settle(self.placement, ok=False, status=status)

    def _break_off(self, why: str, whole: bool) -> None:
        """The reply stops half-way: a stream is told so where a chunk may stand, and the connection ends unfinished."""
        self.ended = True
        if self.placement is not None:
            self._settle(self.placement, ok=False, status=502)
        if self.stream and whole:
            error = b"data: %b\n\n" % error_body(f"The replica stopped answering ({why}).", "upstream_error")
            self.client.transport.write(b"%x\r\n%b\r\n" % (len(error), error))
            self.client.end()
        else:
            self.client.transport.abort()

    def _answer(self, shed: Shed) -> None:
        core, order = self.gateway.core, self.order
        core.metrics.refused(shed.reason.value)
        model = core.models.get(order.model)
        limit = model.context_limit if model else 0
        tokens = len(order.tokens or ()) or (round(model.estimate.prompt_tokens(order.text_bytes)) if model else 0)
        self.client.answer(refusal(
            shed.reason, shed.retry_after_s, order.id,
            model=repr(order.model), limit=limit, tokens=tokens, max_tokens=order.max_tokens,
        ), self.head.keep)  # fmt: skip
