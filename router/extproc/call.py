"""One request as the data plane shows it: its headers and body in, where it goes out, then what came of it."""

from time import monotonic
from typing import TYPE_CHECKING, Final

from policies.decision import Outcome, Queue, Refusal, Shed
from router.core import NOBODY, Placement
from router.extproc import answers, messages
from router.extproc.frames import CANCEL
from router.extproc.messages import Asked
from router.extproc.metadata import served, subset
from router.extproc.stream import Service, Stream
from router.gateway.usage import numbers
from router.order import Order

if TYPE_CHECKING:
    from router.extproc.endpoint import Endpoint

KEPT_TAIL: Final = 4096  # bytes of an unstreamed reply kept for its usage
CANCELLED: Final = 499

# Where a call stands.
READING: Final = 0
DECIDING: Final = 1
SENT: Final = 2
OVER: Final = 3


class Call(Service):
    """One stream of `Process`, which is one HTTP request at the proxy."""

    def __init__(self, endpoint: "Endpoint", stream: Stream, stays: bool = False) -> None:
        self.endpoint, self.stream = endpoint, stream
        self._stays = stays  # whether the call stays open until the reply has ended, shown or not
        self.state, self.since = READING, monotonic()
        self.id = ""
        self.headers: dict[bytes, bytes] = {}
        self.allowed: list[str] | None = None  # the endpoints that the data plane allows; None: all
        self.hidden: frozenset[int] = NOBODY
        self.request_mode = self.response_mode = -1
        self.body = b""
        self.rewritten: bytes | None = None  # the body that goes on in its place
        self.order: Order | None = None
        self.placement: Placement | None = None
        self.held_since = 0.0
        self.streams = False
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._ahead = False  # whether the body streams ahead of the answer to the headers
        self._shown = False  # whether the data plane was asked to show the reply
        self._answers_body = False  # whether the answer goes to the body rather than to the headers
        self._trailers = False  # whether the request ended with trailers
        self._status, self._events = 0, 0
        self._first_at = 0.0
        self._before = self._usage = b""

    def message(self, data: bytes) -> None:
        """The data plane shows the next part of the request or of its reply."""
        asked = messages.read(data)
        kind = asked.kind
        if self.state == OVER or asked.observing:
            return
        if kind == messages.REQUEST_BODY:
            self._request_body(asked)
        elif kind == messages.RESPONSE_BODY:
            self._response_body(asked)
        elif kind == messages.REQUEST_HEADERS:
            self._request_headers(asked)
        elif kind == messages.RESPONSE_HEADERS:
            self._response_headers(asked)
        elif kind == messages.REQUEST_TRAILERS:
            self._request_trailers()
        else:
            self._answer(answers.CONTINUES[answers.RESPONSE_TRAILERS])
            self._settle(True)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state == OVER

    def half_closed(self) -> None:
        """The data plane is done with the request."""
        self.cancelled()
        self.stream.finish()

    def cancelled(self) -> None:
        """The client is gone, or the data plane, or it has nothing more to show."""
        self._end()
        self.endpoint.gone(self)

    def decided(self, decision: Placement | Queue | Shed) -> None:
        """The core's word on the request."""
        if isinstance(decision, Placement):
            self.placement = decision
            self._send(decision)
        elif isinstance(decision, Queue):
            if self.hidden and not self.endpoint.picker.anybody(self.hidden):
                self.refuse(Shed(Refusal.NO_REPLICA))
                return
            self.held_since = self.held_since or monotonic()
            self.endpoint.hold(self)
        else:
            self.refuse(decision)

    def refuse(self, shed: Shed) -> None:
        """Say why not, in the replica's place."""
        self.reply(*self.endpoint.picker.refusal(shed, self.order))

    def reply(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, details: str) -> None:
        """Answer the client in the replica's place."""
        if self.state != OVER:
            self.state = OVER
            self._forget_body()
            self._answer(answers.immediate(status, headers, body, details))

    def expire(self) -> None:
        """Its deadline passed: before an answer began the client is told, later the call is broken off."""
        if self.state in (READING, DECIDING):
            self.refuse(Shed(Refusal.DEADLINE))
        elif not self.stream.over:
            self._status = 504
            self._settle(False)
            self._end()
            self.stream.connection.reset(self.stream, CANCEL)
            self.endpoint.gone(self)

    def _request_headers(self, asked: Asked) -> None:
        self.headers = messages.headers(asked.data, asked.headers[0], asked.headers[1])
        if asked.request_mode >= 0:
            self.request_mode, self.response_mode = asked.request_mode, asked.response_mode
            self._ahead = asked.ahead and asked.request_mode == messages.STREAMED
        self._see_metadata(asked)
        if asked.ends or (self.request_mode in (messages.NONE, messages.STREAMED) and not self._ahead):
            self.endpoint.bodiless(self)
        elif self.request_mode in (messages.BUFFERED, messages.BUFFERED_PARTIAL):
            self._shown = self.endpoint.shows(self)
            self._answer(answers.SHOWN if self._shown else answers.CONTINUES[answers.REQUEST_HEADERS])
            self._answers_body = True

    def _request_body(self, asked: Asked) -> None:
        if self.state != READING:
            if self.request_mode == messages.STREAMED:  # it was decided without: every piece goes on as it is
                self._answer(answers.CONTINUES[answers.REQUEST_BODY])
            return
        if asked.request_mode >= 0:  # headers are not shown at all
            self.request_mode, self.response_mode = asked.request_mode, asked.response_mode
            self._answers_body = self.request_mode != messages.DUPLEX
            self._see_metadata(asked)
        self._bytes += len(asked.body)
        if self._bytes > self.endpoint.most_body_bytes:
            self.endpoint.too_large(self)
            return
        self._pieces.append(asked.body)
        if asked.ends or self._answers_body:
            self._whole()

    def _request_trailers(self) -> None:
        if self.state != READING or self.request_mode != messages.DUPLEX:
            self._answer(answers.CONTINUES[answers.REQUEST_TRAILERS])
        if self.state == READING:
            self._trailers = True
            self._whole()

    def _whole(self) -> None:
        """The body is whole: decide."""
        self.state = DECIDING
        self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self.endpoint.request(self)

    def _send(self, placement: Placement) -> None:
        """Tell the data plane where to."""
        self.state = SENT
        destination = self.endpoint.picker.destination(self, placement)
        if self._answers_body:
            self._answer(destination.buffered(self.rewritten))
        elif self.request_mode in (messages.DUPLEX, -1) or self._ahead:
            self._send_body(destination.mutation, destination.metadata)
        else:
            self._answer(answers.request_headers(destination.mutation, destination.metadata))
        self._forget_body()

    def _send_body(self, mutation: bytes, metadata: bytes) -> None:
        """The answers to headers and body at once."""
        body = self.body if self.rewritten is None else self.rewritten
        if not self._trailers:  # else the data plane sends chunks, which not every engine reads
            mutation += answers.set_header(b"content-length", str(len(body)).encode())
        if self._ahead:
            told = answers.pieces(len(self._pieces), self.rewritten)
        else:
            told = answers.streamed(answers.REQUEST_BODY, body, not self._trailers)
        end = answers.CONTINUES[answers.REQUEST_TRAILERS] if self._trailers else b""
        self._answer(answers.request_headers(mutation, metadata) + told + end)

    def _response_headers(self, asked: Asked) -> None:
        found = messages.headers(asked.data, asked.headers[0], asked.headers[1])
        told = found.get(b":status", b"")
        self._status = int(told) if told.isdigit() else 200
        placement = self.placement
        if placement is None:
            self._answer(answers.CONTINUES[answers.RESPONSE_HEADERS])
            return
        if asked.metadata[1]:
            self.endpoint.picker.served(placement, served(asked.data, asked.metadata[0], asked.metadata[1]))
        self._answer(self.endpoint.picker.stamp(placement.replica.name))
        if asked.ends or (self._status >= 400 and self._unshown):
            self._settle(True)
        elif self._unshown:
            self._first(placement)

    def _response_body(self, asked: Asked) -> None:
        placement, body = self.placement, asked.body
        if placement is not None and body:
            self._status = self._status or 200  # headers are not shown
            if self._first_at == 0.0:
                self._first(placement)
            if self.streams:
                self._events += body.count(b"\n\n")
                self._before, self._usage = self._usage, body
            else:
                self._usage = (self._usage + body)[-KEPT_TAIL:] if self._usage else body
        if self.response_mode in (messages.DUPLEX, -1):
            self._answer(answers.streamed(answers.RESPONSE_BODY, body, asked.ends))
        else:
            self._answer(answers.CONTINUES[answers.RESPONSE_BODY])
        if asked.ends:
            self._settle(True)

    def _first(self, placement: Placement) -> None:
        self._first_at = monotonic()
        if self.streams and self._status == 200:
            self.endpoint.core.first_token(placement, self._first_at)

    def _see_metadata(self, asked: Asked) -> None:
        if asked.metadata[1]:
            self.allowed = subset(asked.data, asked.metadata[0], asked.metadata[1])

    def _answer(self, framed: bytes) -> None:
        self.stream.send(framed)

    def _forget_body(self) -> None:
        self.body, self.rewritten = b"", None
        self._pieces.clear()

    @property
    def _unshown(self) -> bool:
        """Whether the body of the reply is not shown."""
        return self.response_mode == messages.NONE and not self._shown

    @property
    def _early(self) -> bool:
        """Whether the data plane closes the call before the reply has ended: as soon as it has nothing more to show,
        but not after a buffered body.
        """
        if self._stays or not self._unshown:
            return False
        return self._status > 0 or self.request_mode not in (messages.BUFFERED, messages.BUFFERED_PARTIAL)

    def _end(self) -> None:
        """Nothing more comes: a reply that was shown and has no end has failed; one not shown goes on as predicted."""
        placement = self.placement
        if placement is not None and self.state == SENT and self._early:
            self.placement = None
            self.endpoint.fade(placement, self._status)
        self.state = OVER
        self._forget_body()
        if self._status:
            self._status = CANCELLED
        self._settle(self._status == 0)

    def _settle(self, whole: bool) -> None:
        """The reply is over: take its load away and note what came of it."""
        placement = self.placement
        if placement is None:
            return
        self.placement = None
        now, status = monotonic(), self._status  # 0 where the reply was not shown
        ok = whole and status < 400
        prompt, output, cached = numbers(self._before + self._usage) if ok else (-1, 0, -1)
        if output < 0:
            output = max(self._events - 2, 0)
        first = self._first_at or now
        seen = bool(self._usage) or (not ok and not self._unshown)
        self.endpoint.core.end(placement, Outcome(
            ok, first - placement.sent_at, (now - first) / max(output - 1, 1), now - self.since, max(prompt, 0),
            output, cached, placement.cost_usd, status,
        ), seen)  # fmt: skip
