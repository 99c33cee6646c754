"""A request's head: bytes in, a value out. Strict where leniency would let two parsers disagree."""

from router.order import OBJECTIVE, SESSION, SLO, TENANT, told

REQUEST_ID = (b"x-request-id",)
# Headers that speak of one connection, and those the gateway writes itself.
DROPPED = frozenset((
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"transfer-encoding",
    b"content-length", b"host", b"expect", b"proxy-authenticate", b"proxy-authorization",
    b"x-request-id", b"x-weir-session", b"x-weir-deadline-ms", b"x-weir-tenant", b"x-weir-slo", b"x-weir-compress",
))  # fmt: skip
MANY = 100
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class BadHead(Exception):
    """A head that is refused: status and a sentence for the client; the connection closes."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Head:
    """What the gateway needs of a request's head."""

    __slots__ = (
        "compress", "deadline_s", "expects", "forward", "keep", "length", "method", "objective", "path",
        "request_id", "session", "slo", "tenant",
    )  # fmt: skip

    def __init__(self, method: bytes, target: bytes, length: int, keep: bool, expects: bool, forward: bytes) -> None:
        self.method, self.path = method, target.partition(b"?")[0]
        self.length = length  # of the body; -1 when it comes in chunks
        self.keep = keep  # whether the connection may serve another request
        self.expects = expects  # the client waits for a 100 before it sends the body
        self.forward = forward  # request line and headers as they go upstream, up to the Host header
        self.request_id = self.session = self.tenant = self.slo = self.objective = ""
        self.compress = False  # whether the client lets its prompt be compressed
        self.deadline_s = 0.0  # 0: the client set none


def parse(raw: bytes) -> Head:
    """The head whose bytes (without the empty line) are `raw`; raises `BadHead`."""
    lines = raw.split(b"\r\n")
    method, target = _request_line(lines[0])
    headers = _headers(lines[1:])
    length = _length(headers)
    _uncoded(headers.get(b"content-encoding", b""))
    tokens = {t.strip() for t in headers.get(b"connection", b"").lower().split(b",")}
    kept = [b"%b: %b\r\n" % item for item in headers.items() if item[0] not in DROPPED and item[0] not in tokens]
    forward = b"%b %b HTTP/1.1\r\n%b" % (method, target, b"".join(kept))
    head = Head(method, target, length, b"close" not in tokens, _expects(headers), forward)
    head.request_id, head.session = told(headers, REQUEST_ID), told(headers, SESSION)
    head.tenant, head.slo, head.objective = told(headers, TENANT), told(headers, SLO), told(headers, OBJECTIVE)
    head.compress = _allows(headers.get(b"x-weir-compress", b""))
    head.deadline_s = _deadline(headers.get(b"x-weir-deadline-ms"))
    return head


def _request_line(line: bytes) -> tuple[bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[0].isalpha() or not parts[1].startswith((b"/", b"*")):
        raise BadHead(400, "The request line is not HTTP; send METHOD PATH HTTP/1.1.")
    if parts[2] != b"HTTP/1.1":
        raise BadHead(400, "Only HTTP/1.1 is served here; nginx in front needs `proxy_http_version 1.1`.")
    if not parts[1].isascii() or not parts[1].decode("ascii").isprintable():
        raise BadHead(400, "The path must be printable ASCII; percent-encode the rest.")
    return parts[0], parts[1]


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    if len(lines) > MANY:
        raise BadHead(431, f"A request may carry {MANY} headers; this one has {len(lines)}.")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not colon or not name or not _TOKEN.issuperset(name):
            raise BadHead(400, "A header line is malformed; send `Name: value`, one a line.")
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise BadHead(400, "A header value holds a control character.")
        if name not in headers:
            headers[name] = value
        elif name in (b"content-length", b"transfer-encoding", b"host"):
            raise BadHead(400, f"The header {name.decode()} is given twice.")
        else:
            headers[name] += b", " + value
    return headers


def _length(headers: dict[bytes, bytes]) -> int:
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise BadHead(400, "Content-Length and Transfer-Encoding exclude each other.")
        if coding.lower() != b"chunked":
            raise BadHead(400, "The only transfer coding served is chunked.")
        return -1
    if length is None:
        return 0
    if not length.isdigit() or len(length) > 18:
        raise BadHead(400, "Content-Length must be a number.")
    return int(length)


def _uncoded(coding: bytes) -> None:
    if coding.lower() not in (b"", b"identity"):
        raise BadHead(415, "A body is read as it comes; send it without content-encoding.")


def _expects(headers: dict[bytes, bytes]) -> bool:
    expected = headers.get(b"expect")
    if expected is not None and expected.lower() != b"100-continue":
        raise BadHead(417, "The only expectation served is 100-continue.")
    return expected is not None


def _allows(value: bytes) -> bool:
    if value not in (b"", b"allow", b"never"):
        raise BadHead(400, "x-weir-compress must be allow or never.")
    return value == b"allow"


def _deadline(value: bytes | None) -> float:
    if value is None:
        return 0.0
    if not value.isdigit() or len(value) > 9 or not int(value):
        raise BadHead(400, "x-weir-deadline-ms must be a positive number of milliseconds.")
    return int(value) / 1000.0
