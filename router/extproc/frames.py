"""HTTP/2 frames as bytes (RFC 9113): what an endpoint of gRPC calls writes, and the errors it names."""

from typing import Final

# Final, one by one: compiled, a constant is a number in the code, and else an entry of a dict to look up at every use.
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES: Final = 9
FRAME_BYTES: Final = 16384  # the largest payload that may be sent to us, and that we send
WINDOW_BYTES: Final = 65535  # of a stream and of a connection, until somebody says otherwise
MOST_WINDOW: Final = (1 << 31) - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
FLOW_CONTROL_ERROR: Final = 3
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11

TABLE_SIZE: Final = 1
MOST_STREAMS: Final = 3
INITIAL_WINDOW: Final = 4
MOST_FRAME: Final = 5
MOST_HEADERS: Final = 6


class BadWire(Exception):
    """A peer that breaks HTTP/2: the connection ends with this error code and sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def header(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload of `length` bytes."""
    return (length << 48 | kind << 40 | flags << 32 | stream).to_bytes(9, "big")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A whole frame."""
    return header(len(payload), kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    pairs = [key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in values.items()]
    return frame(SETTINGS, 0, 0, b"".join(pairs))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """What a SETTINGS frame says; raises `BadWire`."""
    if len(payload) % 6:
        raise BadWire(FRAME_SIZE_ERROR, "a SETTINGS frame is no list of settings")
    found = [(payload[at] << 8 | payload[at + 1], be32(payload, at + 2)) for at in range(0, len(payload), 6)]
    for key, value in found:
        if key == INITIAL_WINDOW and value > MOST_WINDOW:
            raise BadWire(FLOW_CONTROL_ERROR, "the initial window is beyond 2^31-1")
        if key == MOST_FRAME and not FRAME_BYTES <= value < 1 << 24:
            raise BadWire(PROTOCOL_ERROR, "the frame size is out of bounds")
    return found


def window_update(stream: int, grown: int) -> bytes:
    """So many more bytes may be sent to us on a stream; 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream, grown.to_bytes(4, "big"))


def reset(stream: int, code: int) -> bytes:
    """The end of one stream."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last: int, code: int, why: str = "") -> bytes:
    """No stream after `last` is served; with an error code the connection ends."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + why.encode())


def content(payload: bytes, flags: int, skipped: int = 0) -> bytes:
    """The payload of a DATA or HEADERS frame without its padding and its first `skipped` bytes; raises `BadWire`."""
    padding = 0
    if flags & PADDED:
        if not payload:
            raise BadWire(FRAME_SIZE_ERROR, "a padded frame is empty")
        padding, payload = payload[0], payload[1:]
    if padding + skipped > len(payload):
        raise BadWire(PROTOCOL_ERROR, "a frame is shorter than its padding")
    return payload[skipped : len(payload) - padding]


def be32(data: bytes, at: int) -> int:
    """The unsigned big-endian integer of the four bytes from `at` on."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
