"""grpc.health.v1.Health on the endpoint: alive, and ready where some replica is."""

from collections.abc import Callable

from router.extproc.messages import field
from router.extproc.stream import BadMessage, Service, Stream, packed

CHECK, WATCH = b"/grpc.health.v1.Health/Check", b"/grpc.health.v1.Health/Watch"
LIVE = (b"liveness",)
READY = (b"", b"readiness", b"envoy.service.ext_proc.v3.ExternalProcessor", b"inference-extension")
SERVING, NOT_SERVING, UNKNOWN = packed(b"\x08\x01"), packed(b"\x08\x02"), packed(b"\x08\x03")
NOT_FOUND = 5


class HealthCall(Service):
    """One Check or Watch."""

    def __init__(self, stream: Stream, watches: bool, ready: Callable[[], bool]) -> None:
        self.stream, self.watches, self._ready = stream, watches, ready
        self._asked: bytes | None = None
        self._told = b""

    def message(self, data: bytes) -> None:
        """Which service is meant; a Check is answered and over."""
        self._asked = _service(data)
        if not self.watches and self._asked not in LIVE + READY:
            raise BadMessage(NOT_FOUND, "there is no such service here")
        self.tell()
        if not self.watches:
            self.stream.finish()

    def half_closed(self) -> None:
        """A Check without a message asks for everything; a Watch goes on."""
        if self._asked is None:
            self.message(b"")

    def tell(self) -> None:
        """Say how it is, if that is news."""
        if self._asked is None:
            return
        now = NOT_SERVING
        if self._asked not in LIVE + READY:
            now = UNKNOWN
        elif self._asked in LIVE or self._ready():
            now = SERVING
        if now != self._told:
            self._told = now
            self.stream.send(now)


def _service(data: bytes) -> bytes:
    at, end, name = 0, len(data), b""
    while at < end:
        number, start, at = field(data, at, end)
        if number == 1:
            name = data[start:at]
    return name
