"""One HTTP/2 connection that carries gRPC calls: frames in, answers out, one write per read."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from router.extproc import frames
from router.extproc.frames import FRAME_BYTES, HEADER_BYTES, BadWire, be32, content
from router.extproc.heads import NOT_GRPC, STARTED, Head, Heads
from router.extproc.stream import NOBODY, BadMessage, Service, Stream

STREAM_WINDOW: Final = 1 << 20
CONNECTION_WINDOW: Final = 1 << 24
MOST_BLOCK: Final = 64 << 10  # bytes of a header block over all its frames
MOST_OWED: Final = 4096  # answers to SETTINGS and PING that a peer may leave unread


class Owner(Protocol):
    """What a connection belongs to."""

    streams_per_connection: int
    most_message_bytes: int

    def service(self, stream: Stream, head: Head) -> Service | None:
        """Who answers a call; None where nobody does."""


class Connection:
    """One peer."""

    __slots__ = (
        "_block", "_closing", "_control", "_ended", "_heads", "_initial", "_kinds", "_last", "_on_lost", "_opening",
        "_out", "_owner", "_paused", "_received", "_rest", "_seen_preface", "_waiting", "since", "streams", "transport",
        "window",
    )  # fmt: skip

    def __init__(self, owner: Owner, on_lost: "Callable[[Connection], None]") -> None:
        self._owner, self._on_lost = owner, on_lost
        self.streams: dict[int, Stream] = {}
        self.window = self._initial = frames.WINDOW_BYTES  # what the peer lets us send: at all, and on a new stream
        self.since = monotonic()  # when what it now owes us began: its preface, or the rest of a header block
        self._heads = Heads()
        self._out: list[bytes] = []
        self._rest = b""
        self._seen_preface = self._closing = self._paused = False
        self._last = self._received = self._control = 0
        self._opening = 0  # the stream whose header block goes on in CONTINUATION frames
        self._block = bytearray()
        self._waiting: dict[int, Stream] = {}  # streams with more to send than they may
        self._ended: list[Stream] = []  # streams whose callers ended them in this read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer connected: tell it our limits."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(frames.settings({
            frames.TABLE_SIZE: 0, frames.MOST_STREAMS: self._owner.streams_per_connection,
            frames.INITIAL_WINDOW: STREAM_WINDOW, frames.MOST_HEADERS: MOST_BLOCK,
        }) + frames.window_update(0, CONNECTION_WINDOW - frames.WINDOW_BYTES))  # fmt: skip

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone, and with it every call."""
        self._closing = True
        self._on_lost(self)
        gone, self.streams = list(self.streams.values()), {}
        for stream in gone:
            stream.over = True
            _parted(stream).cancelled()

    def eof_received(self) -> bool:
        """A peer that closes its side is gone."""
        return False

    def pause_writing(self) -> None:
        """The peer reads too slowly: what it is owed waits here, and it is granted no more."""
        self._paused = True

    def resume_writing(self) -> None:
        """It caught up."""
        self._paused, self._control = False, 0
        self._grant(0)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Bytes of frames."""
        if self._closing:
            return
        if self._rest:
            data = self._rest + data
        try:
            self._rest = data[self._read(data) :]
            if self._ended:
                self._half_close()
        except BadWire as bad:
            self._break(bad)
        self.flush()

    def flush(self) -> None:
        """Write what was answered, in one piece."""
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def drain(self) -> None:
        """Serve the calls there are, and no new one."""
        self._out.append(frames.goaway(self._last, frames.NO_ERROR))
        self.flush()

    def overdue(self, now: float, seconds: float) -> bool:
        """Whether it has owed us its preface, or the rest of a header block, for so long."""
        return (not self._seen_preface or self._opening > 0) and now - self.since > seconds

    def start(self, stream: Stream) -> None:
        """Our headers on a stream."""
        stream.started = True
        self._out.append(frames.frame(frames.HEADERS, frames.END_HEADERS, stream.number, STARTED))

    def data(self, stream: Stream, payload: bytes) -> bool:
        """Send bytes on a stream if the peer's windows have room for all of them."""
        size = len(payload)
        if size > stream.window or size > self.window:
            self._waiting[stream.number] = stream
            return False
        stream.window -= size
        self.window -= size
        if size <= FRAME_BYTES:
            self._out.append(frames.header(size, frames.DATA, 0, stream.number))
            self._out.append(payload)
            return True
        for at in range(0, size, FRAME_BYTES):
            self._out.append(frames.frame(frames.DATA, 0, stream.number, payload[at : at + FRAME_BYTES]))
        return True

    def end(self, stream: Stream, block: bytes) -> None:
        """Our end of a stream."""
        stream.over = True
        self._forget(stream)
        flags = frames.END_HEADERS | frames.END_STREAM
        self._out.append(frames.frame(frames.HEADERS, flags, stream.number, block))

    def reset(self, stream: Stream, code: int) -> None:
        """Break a stream off."""
        stream.over = True
        self._forget(stream)
        self._out.append(frames.reset(stream.number, code))

    def _forget(self, stream: Stream) -> Service:
        """A stream that is over; returns who answered it."""
        number = stream.number
        if number in self.streams:
            del self.streams[number]
        if number in self._waiting:
            del self._waiting[number]
        return _parted(stream)

    def _read(self, data: bytes) -> int:
        """Take every whole frame; returns where the rest begins."""
        at, end = 0, len(data)
        if not self._seen_preface:
            at = self._preface(data)
        while end - at >= HEADER_BYTES and self._seen_preface and not self._closing:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            if size > FRAME_BYTES:
                raise BadWire(frames.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            if end - at - HEADER_BYTES < size:
                break
            number = be32(data, at + 5) & 0x7FFFFFFF
            at += HEADER_BYTES
            self._frame(data[at - 6], data[at - 5], number, data[at : at + size])
            at += size
        return at

    def _preface(self, data: bytes) -> int:
        wanted = frames.PREFACE
        if not wanted.startswith(data[: len(wanted)]):
            raise BadWire(frames.PROTOCOL_ERROR, "this is not HTTP/2 with prior knowledge")
        if len(data) < len(wanted):
            return 0
        self._seen_preface = True
        return len(wanted)

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._opening and (kind != frames.CONTINUATION or number != self._opening):
            raise BadWire(frames.PROTOCOL_ERROR, "a header block is interrupted")
        if kind == frames.DATA:
            self._data(flags, number, payload)
        elif kind == frames.HEADERS:
            self._headers(flags, number, payload)
        elif kind == frames.CONTINUATION:
            self._continued(flags, number, payload)
        elif kind == frames.WINDOW_UPDATE:
            self._window_update(number, payload)
        elif kind == frames.RST_STREAM:
            self._reset(number, payload)
        else:
            self._about_connection(kind, flags, number, payload)

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        stream, size = self.streams.get(number), len(payload)
        if number == 0 or number > self._last:
            raise BadWire(frames.PROTOCOL_ERROR, "data on a stream that was never opened")
        self._received += size
        if self._received > CONNECTION_WINDOW:
            raise BadWire(frames.FLOW_CONTROL_ERROR, "more data than the connection was granted")
        self._grant(CONNECTION_WINDOW >> 1)
        if stream is None:
            return
        stream.received += size
        if stream.received > STREAM_WINDOW:
            self._cut(stream, frames.FLOW_CONTROL_ERROR)
            return
        try:
            stream.feed(content(payload, flags) if flags & frames.PADDED else payload)
        except BadMessage as bad:
            self._fail(stream, bad)
        if flags & frames.END_STREAM:
            self._ended.append(stream)
        elif stream.received > STREAM_WINDOW >> 1 and not stream.over and len(stream.pending) < STREAM_WINDOW:
            self._out.append(frames.window_update(number, stream.received))
            stream.received = 0

    def _grant(self, least: int) -> None:
        """Let the peer send as much again as it sent, unless it does not read what it is sent."""
        if self._received > least and not self._paused:
            self._out.append(frames.window_update(0, self._received))
            self._received = 0

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & (frames.PADDED | frames.PRIORITISED):
            payload = content(payload, flags, 5 if flags & frames.PRIORITISED else 0)
        if number % 2 == 0:
            raise BadWire(frames.PROTOCOL_ERROR, "a client opens streams of odd numbers")
        if flags & frames.END_HEADERS:
            self._opened(number, payload, bool(flags & frames.END_STREAM))
            return
        self._opening, self._block, self.since = number, bytearray(payload), monotonic()
        self._kinds = flags

    def _continued(self, flags: int, number: int, payload: bytes) -> None:
        if not self._opening:
            raise BadWire(frames.PROTOCOL_ERROR, "a continuation of nothing")
        self._block += payload
        if len(self._block) > MOST_BLOCK:
            raise BadWire(frames.ENHANCE_YOUR_CALM, f"a header block of more than {MOST_BLOCK} bytes")
        if flags & frames.END_HEADERS:
            self._opening = 0
            self._opened(number, bytes(self._block), bool(self._kinds & frames.END_STREAM))

    def _opened(self, number: int, block: bytes, ends: bool) -> None:
        head, known = self._heads.read(block), self.streams.get(number)
        if known is not None:  # a caller's trailers
            if not ends:
                raise BadWire(frames.PROTOCOL_ERROR, "trailers that do not end their stream")
            self._ended.append(known)
            return
        if number <= self._last:
            return  # what was already ended here
        self._last = number
        stream = Stream(self, number, self._initial, self._owner.most_message_bytes)
        if len(self.streams) >= self._owner.streams_per_connection:
            self._out.append(frames.reset(number, frames.REFUSED_STREAM))
            return
        if not head.grpc:
            self.end(stream, NOT_GRPC)
            return
        self.streams[number] = stream
        service = self._owner.service(stream, head)
        if service is None:
            stream.finish(12, "there is no such method here")
            return
        stream.service = service
        if ends:
            self._ended.append(stream)

    def _half_close(self) -> None:
        """Tell of the callers that ended their streams, but for those that reset them in the same read as Envoy does:
        they would only have to read our end.
        """
        ended, self._ended = self._ended, []
        for stream in ended:
            if not stream.over:
                stream.service.half_closed()

    def _reset(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise BadWire(frames.FRAME_SIZE_ERROR, "a RST_STREAM frame has four bytes")
        if number == 0 or number > self._last:
            raise BadWire(frames.PROTOCOL_ERROR, "a stream is reset that was never opened")
        stream = self.streams.get(number)
        if stream is not None:
            stream.over = True
            self._forget(stream).cancelled()

    def _window_update(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise BadWire(frames.FRAME_SIZE_ERROR, "a WINDOW_UPDATE frame has four bytes")
        grown = be32(payload, 0) & frames.MOST_WINDOW
        if number == 0:
            self.window += grown
            if grown == 0 or self.window > frames.MOST_WINDOW:
                raise BadWire(frames.FLOW_CONTROL_ERROR, "the connection's window leaves its bounds")
            self._flow()
            return
        if number > self._last:
            raise BadWire(frames.PROTOCOL_ERROR, "a window of a stream that was never opened")
        stream = self.streams.get(number)
        if stream is None:
            return
        stream.window += grown
        if grown == 0 or stream.window > frames.MOST_WINDOW:
            self._cut(stream, frames.FLOW_CONTROL_ERROR)
        elif number in self._waiting:
            self._flow()

    def _flow(self) -> None:
        """Send what waited for a window."""
        for stream in list(self._waiting.values()):
            if self.window <= 0:
                return
            stream.flow()
            if not stream.pending:
                self._waiting.pop(stream.number, None)

    def _about_connection(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind in (frames.SETTINGS, frames.PING, frames.GOAWAY) and number != 0:
            raise BadWire(frames.PROTOCOL_ERROR, "a frame about the connection names a stream")
        if kind == frames.SETTINGS:
            self._settings(flags, payload)
        elif kind == frames.PING:
            if len(payload) != 8:
                raise BadWire(frames.FRAME_SIZE_ERROR, "a PING frame has eight bytes")
            if not flags & frames.ACK:
                self._owe(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.PUSH_PROMISE:
            raise BadWire(frames.PROTOCOL_ERROR, "a client promises nothing")

    def _settings(self, flags: int, payload: bytes) -> None:
        if flags & frames.ACK:
            if payload:
                raise BadWire(frames.FRAME_SIZE_ERROR, "an acknowledgement says nothing")
            return
        for key, value in frames.read_settings(payload):
            if key == frames.INITIAL_WINDOW:
                for stream in self.streams.values():
                    stream.window += value - self._initial
                self._initial = value
        self._owe(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
        self._flow()

    def _owe(self, answer: bytes) -> None:
        """Answer a frame that anybody may send as often as they like; not for ever to one that does not read."""
        if self._paused:
            self._control += 1
            if self._control > MOST_OWED:
                raise BadWire(frames.ENHANCE_YOUR_CALM, "many pings and nobody reads the answers")
        self._out.append(answer)

    def _cut(self, stream: Stream, code: int) -> None:
        service = stream.service
        self.reset(stream, code)
        service.cancelled()

    def _fail(self, stream: Stream, bad: BadMessage) -> None:
        stream.service.cancelled()
        stream.pending.clear()
        stream.finish(bad.status, bad.message)

    def _break(self, bad: BadWire) -> None:
        self._rest = b""
        self._out.append(frames.goaway(self._last, bad.code, bad.message))
        self.flush()
        self._closing = True
        self.transport.close()


def _parted(stream: Stream) -> Service:
    """Who answered a stream, which it no longer holds: they held each other, so that only a collection of garbage would
    have freed them and the request's body, thousands of requests later, while every new one took memory nobody had
    touched yet.
    """
    service, stream.service = stream.service, NOBODY
    return service
