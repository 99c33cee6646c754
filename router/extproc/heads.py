"""Header blocks of calls: read with the hpack library, and remembered, for a proxy's calls have mostly the same.

The other side is asked for a dynamic table of no bytes. Once its table has none, a block says the same wherever it
stands, so a block seen before is not decoded again.
"""

from typing import Final

from hpack import Decoder
from hpack.exceptions import HPACKError

from router.extproc.frames import COMPRESSION_ERROR, BadWire

MOST_HEADER_BYTES: Final = 64 << 10
MOST_REMEMBERED: Final = 256


class Head:
    """What a call's headers say: the method called, whether it is gRPC at all, and whether the call stays open until
    the reply has ended although no reply is shown (`x-weir-calls: stay`, which the data plane's configuration adds).
    """

    __slots__ = ("grpc", "path", "stays")

    def __init__(self, path: bytes, grpc: bool, stays: bool) -> None:
        self.path, self.grpc, self.stays = path, grpc, stays


class Heads:
    """The header blocks of one connection."""

    __slots__ = ("_decoder", "_known")

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MOST_HEADER_BYTES)
        self._known: dict[bytes, Head] = {}

    def read(self, block: bytes) -> Head:
        """What a block says; raises `BadWire` where it cannot be read: the table is then lost, and the connection."""
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            pairs = self._decoder.decode(block, raw=True)
        except (HPACKError, UnicodeDecodeError) as wrong:
            raise BadWire(COMPRESSION_ERROR, f"a header block cannot be read: {wrong}") from None
        head = _head([(bytes(pair[0]), bytes(pair[1])) for pair in pairs])
        if self._decoder.header_table_size == 0:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[block] = head
        return head


def _head(pairs: list[tuple[bytes, bytes]]) -> Head:
    path, grpc, post, stays = b"", False, False, False
    for name, value in pairs:
        if name == b":path":
            path = value
        elif name == b":method":
            post = value == b"POST"
        elif name == b"content-type":
            grpc = value.startswith(b"application/grpc")
        elif name == b"x-weir-calls":
            stays = value == b"stay"
    return Head(path, grpc and post, stays)


def literal(name: bytes, value: bytes) -> bytes:
    """One header as a literal that enters no table (RFC 7541, 6.2.2); shorter than 127 bytes each."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


STARTED: Final = b"\x88" + literal(b"content-type", b"application/grpc")
NOT_GRPC: Final = literal(b":status", b"415")
DONE: Final = literal(b"grpc-status", b"0")


def failed(status: int, message: str, *, started: bool) -> bytes:
    """The block that ends a call with a gRPC status."""
    told = literal(b"grpc-status", str(status).encode()) + literal(b"grpc-message", message[:120].encode())
    return told if started else STARTED + told
