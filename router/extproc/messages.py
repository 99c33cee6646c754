"""Messages of the external processing API, read from their bytes (proto/weir/v1/ext_proc.proto has the numbers).

By hand: building the generated objects and asking each of a dozen headers costs more than the whole decision.
"""

from typing import Final

from router.extproc.stream import INVALID_ARGUMENT, BadMessage

# Fields of a ProcessingRequest.
REQUEST_HEADERS: Final = 2
RESPONSE_HEADERS: Final = 3
REQUEST_BODY: Final = 4
RESPONSE_BODY: Final = 5
REQUEST_TRAILERS: Final = 6
RESPONSE_TRAILERS: Final = 7
METADATA: Final = 8
OBSERVING: Final = 10
PROTOCOL: Final = 11

# How the data plane sends a body.
NONE: Final = 0
STREAMED: Final = 1
BUFFERED: Final = 2
BUFFERED_PARTIAL: Final = 3
DUPLEX: Final = 4


class Asked:
    """One ProcessingRequest: its kind, and where in `data` its parts lie."""

    __slots__ = (
        "ahead", "body", "data", "ends", "headers", "kind", "metadata", "observing", "request_mode", "response_mode",
    )  # fmt: skip

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.kind = 0
        self.body = b""
        self.ends = self.observing = False
        self.headers: tuple[int, int] = (0, 0)  # of the HeaderMap
        self.metadata: tuple[int, int] = (0, 0)
        self.request_mode = self.response_mode = -1  # as the first message of a call says
        self.ahead = False  # whether a streamed body comes before its headers are answered


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable-length integer, and where what follows begins; raises `BadMessage`."""
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _broken()


def field(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """A field's number and where its content begins and ends; a number's content is empty and stands before it.

    Raises `BadMessage` where the bytes are no protobuf.
    """
    tag = data[at]
    at += 1
    if tag >= 0x80:
        tag, at = varint(data, at - 1, end)
    kind, number = tag & 7, tag >> 3
    if kind == 2:
        if at < end and data[at] < 0x80:
            size, at = data[at], at + 1
        else:
            size, at = varint(data, at, end)
        if size > end - at or number == 0:
            raise _broken()
        return number, at, at + size
    if kind == 0:
        _, at = varint(data, at, end)
        return number, at, at
    size = 8 if kind == 1 else 4
    if kind not in (1, 5) or size > end - at:
        raise _broken()
    return number, at, at + size


def read(data: bytes) -> Asked:
    """What the data plane asks; raises `BadMessage`."""
    asked, at, end = Asked(data), 0, len(data)
    while at < end:
        number, start, at = field(data, at, end)
        if number in (REQUEST_HEADERS, RESPONSE_HEADERS):
            asked.kind = number
            _headers(asked, start, at)
        elif number in (REQUEST_BODY, RESPONSE_BODY):
            asked.kind = number
            _body(asked, start, at)
        elif number in (REQUEST_TRAILERS, RESPONSE_TRAILERS):
            asked.kind, asked.ends = number, True
        elif number == METADATA:
            asked.metadata = (start, at)
        elif number == PROTOCOL:
            _modes(asked, start, at)
        elif number == OBSERVING:
            asked.observing = data[start - 1] != 0
    if asked.kind == 0:
        raise BadMessage(INVALID_ARGUMENT, "a message that asks nothing")
    return asked


def headers(data: bytes, at: int, end: int) -> dict[bytes, bytes]:
    """The headers of a HeaderMap, joined where one comes several times."""
    found: dict[bytes, bytes] = {}
    while at < end:
        number, start, at = field(data, at, end)
        if number != 1:
            continue
        name = value = b""
        inner = start
        while inner < at:
            part, start, inner = field(data, inner, at)
            if part == 1:
                name = data[start:inner]
            elif start != inner:
                value = data[start:inner]
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _headers(asked: Asked, at: int, end: int) -> None:
    while at < end:
        number, start, at = field(asked.data, at, end)
        if number == 1:
            asked.headers = (start, at)
        elif number == 3:
            asked.ends = asked.data[start - 1] != 0


def _body(asked: Asked, at: int, end: int) -> None:
    while at < end:
        number, start, at = field(asked.data, at, end)
        if number == 1:
            asked.body = asked.data[start:at]
        elif number == 2:
            asked.ends = asked.data[start - 1] != 0


def _modes(asked: Asked, at: int, end: int) -> None:
    asked.request_mode = asked.response_mode = NONE
    while at < end:
        number, start, at = field(asked.data, at, end)
        if number == 1:
            asked.request_mode = asked.data[start - 1]
        elif number == 2:
            asked.response_mode = asked.data[start - 1]
        elif number == 3:
            asked.ahead = asked.data[start - 1] != 0


def _broken() -> BadMessage:
    return BadMessage(INVALID_ARGUMENT, "a message is no protobuf")
