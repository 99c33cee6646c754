"""How messages are framed: an upstream's reply, read just far enough to know where it ends, and chunked bodies."""

CHUNKED, UNTIL_CLOSE = -1, -2
MOST_REMEMBERED, LONGEST_REMEMBERED = 1024, 1024  # entries, and bytes of one: what is remembered stays below 1 MB
HEXADECIMAL = b"0123456789abcdefABCDEF"


class BadFraming(Exception):
    """Bytes that are not HTTP/1.1 framing."""


class ReplyHead:
    """What the gateway needs of a reply's head."""

    __slots__ = ("keep", "length", "raw", "status")

    def __init__(self, status: int, length: int, keep: bool, raw: bytes) -> None:
        self.status = status
        self.length = length  # bytes of the body, CHUNKED or UNTIL_CLOSE
        self.keep = keep  # whether the upstream connection may be used again
        self.raw = raw  # the head as it goes on, without the empty line


_known: dict[bytes, ReplyHead] = {}


def reply_head(raw: bytes) -> ReplyHead:
    """The head whose bytes (without the empty line) are `raw`, remembered: a replica's heads are mostly alike."""
    found = _known.get(raw)
    if found is None:
        found = _reply_head(raw)
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        if len(raw) <= LONGEST_REMEMBERED:
            _known[raw] = found
    return found


def _reply_head(raw: bytes) -> ReplyHead:
    if not raw.startswith(b"HTTP/1.") or not raw[9:12].isdigit():
        raise BadFraming("the replica's reply is not HTTP/1.1")
    low, status, keep = raw.lower(), int(raw[9:12]), raw[7:8] == b"1"
    at = low.find(b"\r\nconnection:")
    if at >= 0:
        keep = keep and b"close" not in _value(low, at + 13)
        raw = _without(raw, at)
        low = raw.lower()
    at = low.find(b"\r\nx-request-id:")
    if at >= 0:  # the gateway says it itself, as the client knows it
        raw = _without(raw, at)
        low = raw.lower()
    if b"\r\ntransfer-encoding:" in low:
        return ReplyHead(status, CHUNKED, keep, raw)
    at = low.find(b"\r\ncontent-length:")
    if at >= 0:
        value = _value(low, at + 17).strip()
        if not value.isdigit():
            raise BadFraming("the replica's Content-Length is not a number")
        return ReplyHead(status, int(value), keep, raw)
    if status in (204, 304):
        return ReplyHead(status, 0, keep, raw)
    return ReplyHead(status, UNTIL_CLOSE, False, raw)


def _value(head: bytes, start: int) -> bytes:
    end = head.find(b"\r\n", start)
    return head[start:] if end < 0 else head[start:end]


def _without(head: bytes, at: int) -> bytes:
    end = head.find(b"\r\n", at + 2)
    return head[:at] if end < 0 else head[:at] + head[end:]


class Chunks:
    """Where a chunked body ends, found without touching its content."""

    __slots__ = ("_left", "_tail", "over")

    def __init__(self) -> None:
        self.over = False
        self._left = 0  # bytes of the current chunk and its CRLF still to come
        self._tail = b""  # a size line or trailer that a read cut short

    def feed(self, data: bytes) -> int:
        """Take the next bytes; returns how many of them belong to the body. Raises `BadFraming`."""
        old = len(self._tail)
        if old:
            data = self._tail + data
            self._tail = b""
        end, at = len(data), 0
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            line = data.find(b"\r\n", at)
            if line < 0:
                self._keep(data[at:])
                return end - old
            size = _size(data, at, line)
            if size:
                at = line + 2
                self._left = size + 2
            elif (done := self._trailer(data, line + 2)) < 0:
                self._keep(data[at:])
                return end - old
            else:
                self.over = True
                return done - old
        return end - old

    @property
    def between(self) -> bool:
        """Whether the last byte taken ended a chunk."""
        return not self._left and not self._tail

    def _trailer(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            return at + 2
        end = data.find(b"\r\n\r\n", at)
        return end + 4 if end >= 0 else -1

    def _keep(self, tail: bytes) -> None:
        if len(tail) > 8192:
            raise BadFraming("a chunk's size line or trailer is too long")
        self._tail = tail


_sizes: dict[bytes, int] = {}


def _size(data: bytes, start: int, end: int) -> int:
    """The size that a chunk's first line says, remembered: a stream's chunks are of few sizes."""
    line = data[start:end]
    found = _sizes.get(line)
    if found is None:
        found = _parsed_size(line)
        if len(_sizes) >= MOST_REMEMBERED:
            _sizes.clear()
        if len(line) <= LONGEST_REMEMBERED:
            _sizes[line] = found
    return found


def _parsed_size(line: bytes) -> int:
    if b";" in line:
        line, _, extension = line.partition(b";")
        line = line.rstrip(b" \t")
        if not extension.isascii() or not extension.decode("ascii").replace("\t", " ").isprintable():
            raise BadFraming("a chunk's extension holds a control character")
    if not line or len(line) > 15 or line.strip(HEXADECIMAL):
        raise BadFraming("a chunk's size is not hexadecimal")
    return int(line, 16)


def dechunk(data: bytes) -> bytes:
    """The content of a whole chunked body, as `Chunks` delimited it."""
    parts: list[bytes] = []
    at = 0
    while True:
        line = data.index(b"\r\n", at)
        size = _size(data, at, line)
        if not size:
            return b"".join(parts)
        if data[line + 2 + size : line + 4 + size] != b"\r\n":
            raise BadFraming("a chunk does not end where its size says")
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 4 + size
