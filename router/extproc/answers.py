"""Answers of the external processing API, written as bytes and framed for gRPC."""

from collections.abc import Sequence
from typing import Final

from router.extproc.stream import packed

ENDPOINT: Final = b"x-gateway-destination-endpoint"
BALANCER: Final = b"envoy.lb"
OVERWRITE: Final = b"\x18\x02"  # HeaderValueOption.append_action
SHOW_REPLY: Final = b"\x4a\x08\x08\x01\x10\x01\x18\x02\x20\x01"
"""Field 9 of a ProcessingResponse: be shown this request's reply too, its body piece by piece."""
PIECE_BYTES: Final = 60_000  # of a body that is streamed back

# Fields of a ProcessingResponse.
REQUEST_HEADERS: Final = 1
RESPONSE_HEADERS: Final = 2
REQUEST_BODY: Final = 3
RESPONSE_BODY: Final = 4
REQUEST_TRAILERS: Final = 5
RESPONSE_TRAILERS: Final = 6

SHOWN: Final = packed(b"\x0a\x00" + SHOW_REPLY)
CONTINUES: Final = [b"", *(packed(bytes([kind << 3 | 2, 0])) for kind in range(1, 7))]
"""By the kind of answer: go on with what was sent, as it is."""
CLEARED: Final = packed(b"\x1a\x06\x0a\x04\x1a\x02\x10\x01")
"""Go on without this piece of a streamed body."""


class Destination:
    """Where a request goes: how the answer changes its headers, and the same as dynamic metadata."""

    __slots__ = ("_whole", "metadata", "mutation")

    def __init__(self, mutation: bytes, metadata: bytes) -> None:
        self.mutation, self.metadata = mutation, metadata
        self._whole = b""

    def buffered(self, body: bytes | None) -> bytes:
        """The answer to a buffered body; the one that goes on as it is is written once."""
        if body is not None:
            return request_body(self.mutation, self.metadata, body)
        if not self._whole:
            self._whole = request_body(self.mutation, self.metadata, None)
        return self._whole


def size(number: int) -> bytes:
    """A variable-length integer."""
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def part(number: int, content: bytes) -> bytes:
    """A field of bytes; numbers below 16."""
    length = len(content)
    head = bytes([number << 3 | 2, length]) if length < 0x80 else bytes([number << 3 | 2]) + size(length)
    return head + content


def set_header(name: bytes, value: bytes) -> bytes:
    """One header of a HeaderMutation, in place of what was there."""
    return part(1, part(1, part(1, name) + part(3, value)) + OVERWRITE)


def endpoint_metadata(endpoint: bytes) -> bytes:
    """The endpoint as dynamic metadata: field 8 of a ProcessingResponse."""
    return part(8, _struct(BALANCER, part(5, _struct(ENDPOINT, part(3, endpoint)))))


def request_headers(mutation: bytes, metadata: bytes = b"") -> bytes:
    """The answer to a request's headers, which changes some of them."""
    return packed(part(1, part(1, part(2, mutation))) + metadata)


def request_body(mutation: bytes, metadata: bytes, body: bytes | None) -> bytes:
    """The answer to a buffered body: headers that change, and another body where there is one."""
    common = part(2, mutation) + (part(3, part(1, body)) if body is not None else b"")
    return packed(part(3, part(1, common)) + metadata)


def pieces(count: int, body: bytes | None) -> bytes:
    """The answers to the pieces of a body that goes on as it is, or as another body in the last one's place."""
    if body is None:
        return CONTINUES[REQUEST_BODY] * count
    return CLEARED * (count - 1) + packed(part(3, part(1, part(3, part(1, body)))))


def response_headers(mutation: bytes) -> bytes:
    """The answer to a response's headers, which adds some."""
    return packed(part(2, part(1, part(2, mutation))))


def streamed(kind: int, body: bytes, ends: bool) -> bytes:
    """A body given back in pieces; `kind` is REQUEST_BODY or RESPONSE_BODY."""
    if len(body) <= PIECE_BYTES:
        return _piece(kind, body, ends)
    last = len(body) - PIECE_BYTES
    pieces = [_piece(kind, body[at : at + PIECE_BYTES], ends and at >= last) for at in range(0, len(body), PIECE_BYTES)]
    return b"".join(pieces)


def immediate(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, details: str) -> bytes:
    """A reply of our own in the replica's place."""
    mutation = b"".join([set_header(name, value) for name, value in headers])
    code = part(1, b"\x08" + size(status))
    return packed(part(7, code + part(2, mutation) + part(3, body) + part(5, details.encode())))


def _piece(kind: int, body: bytes, ends: bool) -> bytes:
    """One StreamedBodyResponse, written from the inside out so that the body is copied once."""
    end = b"\x10\x01" if ends else b""
    inside = b"\x0a" + size(len(body))
    length = len(inside) + len(body) + len(end)
    for number in (3, 3, 1, kind):
        head = bytes([number << 3 | 2]) + size(length)
        inside = head + inside
        length += len(head)
    return b"".join((length.to_bytes(5, "big"), inside, body, end))


def _struct(key: bytes, value: bytes) -> bytes:
    """A google.protobuf.Struct of one entry."""
    return part(1, part(1, key) + part(2, value))
