"""One request on its way: placed, sent, its reply passed on, retried while the client has no byte of it."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from policies.decision import Outcome, Queue, Refusal, Shed
from router.core import NOBODY, Placement
from router.gateway.continued import Continued
from router.gateway.framing import CHUNKED, ReplyHead
from router.gateway.head import Head
from router.gateway.spoken import Spoken
from router.gateway.takeover import spliced, take_over
from router.gateway.through import Beside, Through
from router.gateway.usage import numbers
from router.order import Order
from router.refusals import error_body, refusal

if TYPE_CHECKING:
    from router.gateway.client import Client
    from router.gateway.server import Gateway
    from router.gateway.upstream import Upstream
    from router.handover.legs import Legs

JOIN_BELOW = 64 << 10  # larger bodies are written by themselves rather than copied behind their head
KEPT_TAIL = 4096  # bytes of an unstreamed reply kept for its usage


class Exchange:
    """A request, its attempts and its reply."""

    __slots__ = (
        "arrived", "attempts", "avoid", "before", "beside", "body", "client", "connecting", "continued", "deadline",
        "ended", "events", "first_at", "forward", "gateway", "head", "heard", "heard_at", "held_since", "id_bytes",
        "legs", "order", "placement", "reply", "row", "sent_bytes", "spoken", "status", "stream", "through",
        "upstream", "usage",
    )  # fmt: skip

    def __init__(self, gateway: "Gateway", client: "Client", head: Head, body: bytes, order: Order) -> None:
        self.gateway, self.client, self.head, self.body, self.forward = gateway, client, head, body, head.forward
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
        self.heard, self.heard_at = -1, 0.0  # events when the sweep last looked, and since when there were so many
        self.row = -1  # of the replica at work
        self.legs: Legs | None = None  # where prompt and answer are two replicas' work
        self.continued: Continued | None = None  # once another replica goes on with the stream
        self.spoken: Spoken | None = None  # what it has said, where another replica could go on
        self.through: Through | None = None  # who hears the reply
        self.beside: Beside | None = None  # what is done for it before it is sent
        self._follow(order)

    def becomes(self, body: bytes, order: Order) -> None:
        """Its model was chosen: go on as if the client had asked for that."""
        self.beside = None
        self.body, self.order, self.stream, self.spoken = body, order, order.stream, None
        self._follow(order)

    def answer_early(self, whole: bytes) -> None:
        """Answer without having been sent anywhere."""
        self.over(False)
        self.client.answer(whole, self.head.keep)

    def _follow(self, order: Order) -> None:
        """Have the engine tell token ids, where another replica could go on with the stream."""
        if order.lag >= 0 and self.gateway.settings.continuation:
            chat = self.head.path == b"/v1/chat/completions"
            self.spoken = Spoken(b'"content":"' if chat else b'"text":"', order.lag, not order.shows_ids)
            if not order.shows_ids:
                self.body = spliced(self.body)

    def dispatch(self) -> None:
        """Decide, and send to the replica decided on; or wait, or refuse."""
        gateway = self.gateway
        if self.continued is not None and self.spoken is not None:
            self.continued.begin(self.spoken)
        if self.legs is not None:
            self.legs.close()
            self.body, self.legs = self.legs.body, None
        decision = gateway.core.place(self.order, monotonic(), self.avoid)
        if isinstance(decision, Placement):
            self.placement, self.row = decision, decision.row
            if decision.replica.role == "prefill":
                gateway.handovers.begin(self)
            if not self.stream:
                gateway.unstreamed.wait(decision.sent_at + decision.ttft_s, decision.load)
            gateway.lane(self.row).send(self)
        elif isinstance(decision, Queue):
            self.held_since = self.held_since or monotonic()
            gateway.hold(self)
        else:
            self.refuse(decision)

    def write_request(self, transport: asyncio.Transport, host_line: bytes) -> None:
        """Write the request to a replica."""
        body, placement = self.body, self.placement
        if placement is not None and placement.splice and b'"retention_directives"' not in body:
            body = body[: body.rindex(b"}")] + b"," + placement.splice + b"}"
        parts = [
            self.forward, host_line, b"x-request-id: ", self.id_bytes, b"\r\ncontent-length: ",
            str(len(body)).encode(), b"\r\n\r\n",
        ]  # fmt: skip
        if len(body) < JOIN_BELOW:
            parts.append(body)
            transport.write(b"".join(parts))
        else:
            transport.write(b"".join(parts))
            transport.write(body)

    def may_retry(self) -> bool:
        """Whether another attempt is allowed: nothing of this one reached the client, and the budget holds."""
        return self.first_at == 0.0 and self.attempts < self.gateway.settings.retries and self.gateway.budget >= 1.0

    def failed(self, why: str) -> None:
        """The attempt failed before the client had a byte: try elsewhere."""
        placement, gateway = self.placement, self.gateway
        if self.ended or placement is None:
            return
        if self.legs is not None and gateway.handovers.again(self, why):
            return
        self.settle(placement, ok=False, status=502)
        self.avoid |= {self.row}
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
        gateway.core.view.suspend(self.row, now + gateway.settings.suspend_s)
        if self.legs is not None and gateway.handovers.again(self, why):
            return
        self.settle(placement, ok=False, status=502)
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
        if self.first_at != 0.0:
            if not take_over(self, why):
                self._break_off(why, whole)
        elif stale and self.placement is not None:
            self.gateway.core.metrics.retried("stale connection")
            self.reply = None
            if self.legs is not None and not self.legs.prefilling:
                self.gateway.lane(self.row).send(self)
                return
            self.settle(self.placement, ok=False, status=502)
            self.dispatch()
        elif self.placement is not None:
            self.reply = None
            self.gateway.core.view.suspend(self.row, monotonic() + self.gateway.settings.suspend_s)
            self.failed(why)

    def reply_begins(self, head: ReplyHead) -> None:
        """The reply's head came; it waits for the first byte of its body, until then another replica may answer."""
        self.reply, self.status, self.held_since = head, head.status, 0.0
        if self.legs is not None and self.legs.prefilling:
            self.legs.head = head
            return
        if self.spoken is not None and (head.status != 200 or head.length != CHUNKED):
            self.spoken = None

    def unfit(self, head: ReplyHead) -> bool:
        """Whether a stream that has begun cannot go on with this reply."""
        prefilling = self.legs is not None and self.legs.prefilling
        return self.sent_bytes and (head.status != 200 or (head.length != CHUNKED and not prefilling))

    def pass_on(self, data: bytes) -> None:
        """Pass a piece of the reply's body to the client."""
        if self.legs is not None:
            data = self.gateway.handovers.heard(self, data)
            if not data:
                return
        spoken = self.spoken
        if spoken is not None:
            self._pass_on_followed(spoken, data)
            return
        if self.first_at == 0.0:
            self._first(data)
            return
        self._note(data)
        self._tell(data)

    def completed(self, close: bool) -> None:
        """The reply is whole."""
        placement, spoken = self.placement, self.spoken
        assert placement is not None
        if self.legs is not None and self.legs.prefilling:
            self.gateway.handovers.prefilled(self, close)
            return
        if spoken is not None and spoken.rest and self.continued is None:
            self._tell(spoken.rest)
        self.ended = True
        self.settle(placement, ok=self.status < 400, status=self.status)
        self.over(True)
        self.gateway.served()
        self.client.next(close or not self.head.keep)

    def plain(self, head: ReplyHead, content: bytes, close: bool) -> None:
        """A whole reply for the client, as it came."""
        self.reply, self.status, self.spoken = head, head.status, None
        self._first(content)
        self.completed(close)

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
        self.over(False)
        if self.order.choice is not None and self.gateway.auto is not None:
            self.gateway.auto.gave_up(self.order, shed.reason.value)
        self._answer(shed)

    def silent(self, now: float) -> None:
        """The sweep looks: a stream that has begun and says nothing for long is as good as broken."""
        if self.events != self.heard or self.client.paused or self.first_at == 0.0 or self.upstream is None:
            self.heard, self.heard_at = self.events, now
        elif now - self.heard_at > self.gateway.settings.stall_s:
            self.upstream.abandon()
            self.lost("stall", False, False)

    def _pass_on_followed(self, spoken: Spoken, data: bytes) -> None:
        """Pass on the whole events of a stream that another replica could go on with."""
        told = spoken.feed(data)
        if told:
            if self.first_at == 0.0:
                self._first(told)
            else:
                self.events += 1
                self.before, self.usage = self.usage, told
                self._tell(told)
        if spoken.broken:
            if self.upstream is not None:
                self.upstream.abandon()
            self.lost("engine error", False, True)

    def _first(self, data: bytes) -> None:
        placement, reply = self.placement, self.reply
        assert placement is not None
        assert reply is not None
        now = self.first_at = monotonic()
        if self.stream and reply.status == 200:
            self.gateway.core.first_token(placement, now)
        self._note(data)
        if self.sent_bytes:
            self._tell(data)
            return
        self.sent_bytes = True
        if self.through is not None:
            data = self.through.feed(data)
        stamp = self.gateway.lane(self.row).stamp
        self.client.transport.write(b"".join((reply.raw, self.order.stamp, stamp, self.id_bytes, b"\r\n\r\n", data)))

    def _tell(self, data: bytes) -> None:
        """Bytes for the client, by way of whoever hears them."""
        if self.through is not None:
            data = self.through.feed(data)
            if not data:
                return
        self.client.transport.write(data)

    def over(self, whole: bool) -> None:
        """It has ended."""
        self.ended = True
        if self.beside is not None:
            beside, self.beside = self.beside, None
            beside.cancel()
        if self.through is not None:
            through, self.through = self.through, None
            through.over(self, whole)

    def _note(self, data: bytes) -> None:
        if self.stream:
            self.events += data.count(b"\n\n")
            # A stream's usage stands in its last piece, or in the one before a [DONE] that came by itself.
            self.before, self.usage = self.usage, data
        else:
            self.usage = (self.usage + data)[-KEPT_TAIL:] if self.usage else data

    def settle(self, placement: Placement, *, ok: bool, status: int) -> None:
        """An attempt is over: take its load away and note what came of it."""
        self.placement = None
        now = monotonic()
        prompt, output, cached = numbers(self.before + self.usage) if ok else (-1, 0, -1)
        if output < 0:
            output = max(self.events - 2, 0) if self.spoken is None else self.spoken.tokens()
        if self.continued is not None and ok:
            prompt, output = len(self.continued.prompt), self.continued.said
        first = self.first_at or now
        outcome = Outcome(
            ok, first - placement.sent_at, (now - first) / max(output - 1, 1), now - self.arrived, max(prompt, 0),
            output, cached, placement.cost_usd, status, self.attempts,
        )  # fmt: skip
        if self.order.choice is not None and self.gateway.auto is not None:
            self.gateway.auto.came_of(self.order, outcome, self.ended)
        if self.order.bills is not None:
            self.order.bills.append((placement.replica.name, outcome))
        self.gateway.core.end(placement, outcome)

    def _drop(self, status: int) -> None:
        self.over(False)
        if self.legs is not None:
            self.legs.close()
        if self.connecting is not None:
            self.connecting.cancel()
        if self.upstream is not None:
            self.upstream.exchange = None
            self.upstream.transport.abort()
            self.upstream = None
        if self.placement is not None:
            self.settle(self.placement, ok=False, status=status)

    def _break_off(self, why: str, whole: bool) -> None:
        """The reply stops half-way: a stream is told so where a chunk may stand, and the connection ends unfinished."""
        self.over(False)
        self.gateway.core.metrics.broke_off(why)
        if self.placement is not None:
            self.settle(self.placement, ok=False, status=502)
        spoken = self.spoken
        whole = whole or (spoken is not None and (spoken.tracking or spoken.rewriter is not None))
        if self.stream and whole:
            error = b"data: %b\n\n" % error_body(f"The replica stopped answering ({why}).", "upstream_error")
            self.client.transport.write(b"%x\r\n%b\r\n" % (len(error), error))
            self.client.end()
        else:
            self.client.transport.abort()

    def _answer(self, shed: Shed) -> None:
        if self.sent_bytes:
            self._break_off("nobody could go on", True)
            return
        core, order = self.gateway.core, self.order
        core.metrics.refused(shed.reason.value)
        model = core.models.get(order.model)
        limit = model.context_limit if model else 0
        tokens = len(order.tokens or ()) or (round(model.estimate.prompt_tokens(order.text_bytes)) if model else 0)
        self.client.answer(refusal(
            shed.reason, shed.retry_after_s, order.id,
            model=repr(order.model), limit=limit, tokens=tokens, max_tokens=order.max_tokens,
        ), self.head.keep)  # fmt: skip
