"""An open-loop client: so many requests a second whatever becomes of them; `python -m bench.router_restart.hose ...`.

Prints, at its end, one JSON object: how many were answered, failed and not sent in each tenth of a second.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from pathlib import Path

import uvloop

from bench.router_restart.scene import Scene

TICK_S = 0.005
CONNECTIONS = 128
AGAIN_S = 0.02  # until a connection that was refused is tried again
SLICE_S = 0.1


class Answer(asyncio.Protocol):
    """One connection: whatever comes up to the length that the head says is an answer."""

    def __init__(self, hose: "Hose") -> None:
        self._hose, self._buffer, self._busy = hose, bytearray(), False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for a request."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._hose.idle.append(self)

    def ask(self, request: bytes) -> None:
        """Send one."""
        self._busy = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.lower().find(b"content-length:", 0, end)
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        self._hose.count("answered" if self._buffer[9:12] == b"200" else "refused")
        self._buffer.clear()
        self._busy = False
        self._hose.idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The router is gone."""
        if self._busy:
            self._hose.count("failed")
        elif self in self._hose.idle:
            self._hose.idle.remove(self)
        self._hose.missing += 1


class Hose:
    """All connections."""

    def __init__(self, port: int, requests: list[bytes], rate: float) -> None:
        self.idle: deque[Answer] = deque()
        self.missing = CONNECTIONS
        self._port, self._requests, self._rate = port, requests, rate
        self._counts: dict[int, Counter[str]] = {}

    def count(self, what: str) -> None:
        """Something became of a request."""
        self._counts.setdefault(int(time.monotonic() / SLICE_S), Counter())[what] += 1

    async def run(self, seconds: float) -> dict[str, dict[str, int]]:
        """Send for so long; what became of it by tenths of a second on the monotonic clock."""
        dialling = asyncio.ensure_future(self._dial())
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) < began + seconds:
            while sent < (now - began) * self._rate:
                self._send(self._requests[sent % len(self._requests)])
                sent += 1
            await asyncio.sleep(TICK_S)
        dialling.cancel()
        return {f"{slot * SLICE_S:.1f}": dict(counts) for slot, counts in sorted(self._counts.items())}

    def _send(self, request: bytes) -> None:
        if self.idle:
            self.idle.popleft().ask(request)
        else:
            self.count("unsent")

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self.missing:
                try:
                    await loop.create_connection(lambda: Answer(self), "127.0.0.1", self._port)
                except OSError:
                    break
                self.missing -= 1
            await asyncio.sleep(AGAIN_S)


def main() -> None:
    """PORT RATE SECONDS SCENE_JSON OUT."""
    port, rate, seconds, scene, out = sys.argv[1:6]
    requests = list(Scene(**json.loads(scene)).requests())
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    counts = uvloop.run(Hose(int(port), requests, float(rate)).run(float(seconds)))
    Path(out).write_text(json.dumps(counts))


if __name__ == "__main__":
    main()
