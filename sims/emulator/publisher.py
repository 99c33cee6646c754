"""KV events over ZMQ, in the frames of vLLM 0.32, with a buffer for those who missed some."""

import asyncio
from collections import deque
from collections.abc import Iterable
from time import time
from typing import Any

import msgspec
import zmq

REPLAYED_BATCHES = 10_000
END = (-1).to_bytes(8, "big", signed=True)
PENDING = 100_000  # messages held for a slow subscriber before it misses some, as in vLLM


class Publisher:
    """One replica's event stream; sequence numbers begin at 0 when it is made. Nothing here blocks.

    Port 0 is any free one. Raises OSError for a taken port.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, topic: str, host: str, port: int, replay: int | None) -> None:
        self._loop, self.topic = loop, topic
        self._context = zmq.Context()
        self._context.linger = 0
        self._out = self._context.socket(zmq.PUB)
        self._out.set_hwm(PENDING)
        self._replay: zmq.Socket[bytes] | None = None
        self.replay_endpoint: str | None = None
        try:
            self.endpoint = _bind(self._out, host, port)
            if replay is not None:
                self._open_replay(host, replay)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, f"cannot publish KV events on {host}: {error.strerror}") from None
        self._sent: deque[tuple[bytes, bytes]] = deque(maxlen=REPLAYED_BATCHES)
        self._next = 0

    def publish(self, events: list[dict[str, Any]]) -> None:
        """Send one batch."""
        payload = msgspec.msgpack.encode([time(), events, 0])
        number = self._next.to_bytes(8, "big")
        self._next += 1
        self._sent.append((number, payload))
        self._out.send_multipart((self.topic.encode(), number, payload), zmq.NOBLOCK)

    def close(self) -> None:
        """Close both sockets at once; what is unsent is lost."""
        if self._replay is not None:
            self._loop.remove_reader(self._replay.fileno())
        self._context.destroy(linger=0)

    def _open_replay(self, host: str, port: int) -> None:
        self._replay = self._context.socket(zmq.ROUTER)
        self._replay.set_hwm(0)  # a replay is longer than the default 1,000 messages, and a router drops the rest
        self.replay_endpoint = _bind(self._replay, host, port)
        self._loop.add_reader(self._replay.fileno(), self._answer)

    def _answer(self) -> None:
        """Serve every waiting request: the descriptor tells of them only once."""
        assert self._replay is not None
        while self._replay.poll(0, zmq.POLLIN):
            client, *_, start = self._replay.recv_multipart(zmq.NOBLOCK)
            for frames in (*self._since(start), (b"", END, b"")):
                self._replay.send_multipart((client, b"", *frames), zmq.NOBLOCK)

    def _since(self, start: bytes) -> Iterable[tuple[bytes, bytes, bytes]]:
        return [(self.topic.encode(), number, payload) for number, payload in self._sent if number >= start]


def _bind(socket: "zmq.Socket[bytes]", host: str, port: int) -> str:
    """Bind and return the endpoint."""
    socket.bind(f"tcp://{host}:{port or '*'}")
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)
