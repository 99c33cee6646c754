"""A data plane for tests: one connection to an endpoint, without sockets; bytes are written and read as frames."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from hpack import Decoder, Encoder

from router.core import Core
from router.extproc import frames
from router.extproc.connection import Connection
from router.extproc.endpoint import PROCESS, Endpoint
from router.settings import Settings
from tests.router.routers import core_of, described, update
from tests.router.routers import load as counted
from weir.v1 import ext_proc_pb2 as pb
from weir.v1 import fleet_pb2

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
Mode: TypeAlias = pb.ProcessingMode.BodySendMode
DUPLEX, BUFFERED = pb.ProcessingMode.FULL_DUPLEX_STREAMED, pb.ProcessingMode.BUFFERED
STREAMED, HIDDEN = pb.ProcessingMode.STREAMED, pb.ProcessingMode.NONE


class Frame(NamedTuple):
    """One frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written, self.closed, self.aborted = bytearray(), False, False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


def split(data: bytes) -> Iterator[Frame]:
    """The frames in some bytes."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        number = int.from_bytes(data[at + 5 : at + 9], "big")
        yield Frame(data[at + 3], data[at + 4], number, bytes(data[at + 9 : at + 9 + size]))
        at += 9 + size


class Plane:
    """One connection, and what came back over it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.wire = Wire()
        self.connection = Connection(endpoint, lambda _: None)
        self.connection.connection_made(self.wire)  # type: ignore[arg-type]
        self.frames: list[Frame] = []
        self._encoder, self._decoder = Encoder(), Decoder()
        self._encoder.header_table_size = 0
        self._messages: dict[int, bytes] = {}
        self._next = 1

    def greet(self, **settings: int) -> "Plane":
        """The preface and our settings."""
        named = {"window": frames.INITIAL_WINDOW, "frame": frames.MOST_FRAME}
        told = frames.settings({named[name]: value for name, value in settings.items()})
        self.write(frames.PREFACE + told + frames.window_update(0, 1 << 28))
        return self

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self.connection.data_received(data)
        self._take()

    def _take(self) -> None:
        for one in split(bytes(self.wire.written)):
            self.frames.append(one)
            if one.kind == frames.DATA:
                self._messages[one.stream] = self._messages.get(one.stream, b"") + one.payload
        self.wire.written.clear()

    def head(self, path: bytes = PROCESS, kind: str = "application/grpc", **more: str) -> bytes:
        """A header block that calls a method."""
        return self._encoder.encode([
            (":method", "POST"), (":scheme", "http"), (":path", path.decode()), (":authority", "weir"),
            ("te", "trailers"), ("content-type", kind), *((name.replace("_", "-"), more[name]) for name in more),
        ])  # fmt: skip

    def call(self, path: bytes = PROCESS, **more: str) -> int:
        """Open a call; its number."""
        number, self._next = self._next, self._next + 2
        self.write(frames.frame(frames.HEADERS, frames.END_HEADERS, number, self.head(path, **more)))
        return number

    def say(self, number: int, *messages: Any, ends: bool = False) -> None:
        """Messages on a call."""
        raw = b"".join(
            len(one).to_bytes(5, "big") + one
            for one in (each if isinstance(each, bytes) else each.SerializeToString() for each in messages)
        )
        pieces = [raw[at : at + 16384] for at in range(0, len(raw), 16384)] or [b""]
        for i, piece in enumerate(pieces):
            flags = frames.END_STREAM if ends and i == len(pieces) - 1 else 0
            self.write(frames.frame(frames.DATA, flags, number, piece))

    def heard(self, number: int) -> list[pb.ProcessingResponse]:
        """The answers on a call since one last looked."""
        self._take()
        raw, found = self._messages.pop(number, b""), []
        while raw:
            size = int.from_bytes(raw[1:5], "big")
            assert len(raw) >= 5 + size
            found.append(pb.ProcessingResponse.FromString(raw[5 : 5 + size]))
            raw = raw[5 + size :]
        return found

    def bytes_of(self, number: int) -> int:
        """How many bytes came on a call since one last looked."""
        self._take()
        return len(self._messages.get(number, b""))

    def of(self, kind: int) -> list[Frame]:
        """The frames of a kind that came so far."""
        return [one for one in self.frames if one.kind == kind]

    def status(self, number: int) -> str | None:
        """The gRPC status that ended a call."""
        found = None
        for one in self.of(frames.HEADERS):
            if one.stream == number:
                told: dict[Any, Any] = dict(self._decoder.decode(one.payload))
                found = told.get("grpc-status", found)
        return found

    def cut_off(self) -> int | None:
        """The error code with which the connection was ended."""
        found = list(self.of(frames.GOAWAY))
        return int.from_bytes(found[-1].payload[4:8], "big") if found else None


def headers(
    body_mode: Mode = DUPLEX, replies: Mode | None = None, *, ahead: bool = False, ends: bool = False,
    subset: str = "", **named: Any,
) -> pb.ProcessingRequest:  # fmt: skip
    """The headers of a chat; its reply is shown as its body, unless told otherwise."""
    given = {":method": "POST", ":path": "/v1/chat/completions", "x-request-id": "id-1"}
    given |= {name.replace("_", "-"): value for name, value in named.items()}
    pairs = [pb.HeaderValue(key=name, raw_value=value.encode()) for name, value in given.items()]
    request = pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs), end_of_stream=ends),
        protocol_config=pb.ProtocolConfiguration(
            request_body_mode=body_mode,
            response_body_mode=body_mode if replies is None else replies,
            send_body_without_waiting_for_header_response=ahead,
        ),
    )
    if subset:
        request.metadata_context.filter_metadata["envoy.lb.subset_hint"].update(
            {"x-gateway-destination-endpoint-subset": subset}
        )
    return request


def body(content: bytes = CHAT, *, ends: bool = True) -> pb.ProcessingRequest:
    """A piece of the request's body."""
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=content, end_of_stream=ends))


def reply_headers(status: int = 200, *, ends: bool = False, served: str = "") -> pb.ProcessingRequest:
    """The headers of a reply."""
    pairs = [pb.HeaderValue(key=":status", raw_value=str(status).encode())]
    request = pb.ProcessingRequest(
        response_headers=pb.HttpHeaders(headers=pb.HeaderMap(headers=pairs), end_of_stream=ends)
    )
    if served:
        request.metadata_context.filter_metadata["envoy.lb"].update({"x-gateway-destination-endpoint-served": served})
    return request


def reply_body(content: bytes, *, ends: bool = True) -> pb.ProcessingRequest:
    """A piece of a reply's body."""
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=content, end_of_stream=ends))


def set_headers(mutation: pb.HeaderMutation) -> dict[str, str]:
    """The headers that an answer sets."""
    return {one.header.key: one.header.raw_value.decode() for one in mutation.set_headers}


def endpoint_of(answer: pb.ProcessingResponse) -> str:
    """Where an answer sends the request, by header and by metadata alike."""
    common = (answer.request_headers if answer.HasField("request_headers") else answer.request_body).response
    told = set_headers(common.header_mutation)["x-gateway-destination-endpoint"]
    assert answer.dynamic_metadata.fields["envoy.lb"].struct_value["x-gateway-destination-endpoint"] == told
    return told


def fleet(*roles: str, ready: bool = True, **facts: Any) -> fleet_pb2.FleetUpdate:
    """Replicas r0, r1 ... at 10.0.0.1:8000, 10.0.0.2:8000 ..."""
    told = [described(f"r{i}", f"10.0.0.{i + 1}:8000", role=role, **facts) for i, role in enumerate(roles)]
    return update(*told, ready=ready, snapshot=True)


def endpoint(count: int = 2, **settings: Any) -> Endpoint:
    """An endpoint over so many ready replicas."""
    ours = Settings(**{"policy": "least_loaded", "tokens": "estimate", "ext_proc": "127.0.0.1:1", **settings})
    told = [described(f"r{i}", f"10.0.0.{i + 1}:8000") for i in range(count)]
    return Endpoint(core_of(ours, *told), ours)


def load(core: Core) -> float:
    """Everything that requests are counted as."""
    return sum(map(abs, counted(core)))
