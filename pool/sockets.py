"""ZMQ sockets on asyncio without a thread: read until empty, then wait for the descriptor."""

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import NamedTuple, Self

import zmq

MOST_AT_ONCE = 256  # frames taken before others get their turn
MOST_WAITING = 100_000  # frames held for us; more than that is a gap, which the replay fills
HEARTBEAT_MS = 2_000  # a peer that is silently gone is noticed and connected again
END = (1 << 64) - 1

Message = list[bytes]


class Frame(NamedTuple):
    """One published batch, still encoded."""

    sequence: int
    payload: bytes


def frame(message: Message) -> Frame | None:
    """[topic, sequence, payload] as a frame; None when it is not one."""
    if len(message) < 2 or len(message[-2]) != 8:
        return None
    return Frame(int.from_bytes(message[-2], "big"), message[-1])


class Socket:
    """A connected socket; closing it drops what was not read."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", kind: int, endpoint: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = context.socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, MOST_WAITING)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._socket.setsockopt(zmq.IPV6, 1)
        if kind == zmq.SUB:
            self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._descriptor = int(self._socket.getsockopt(zmq.FD))
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._socket.close()

    def send(self, message: Message) -> None:
        """Hand a message over without waiting; raises `zmq.ZMQError` when there is no room."""
        self._socket.send_multipart(message, zmq.NOBLOCK)

    async def receive(self, timeout_s: float) -> list[Message]:
        """What has come, at least one message; raises `TimeoutError`."""
        messages = self._drain()
        if not messages:
            async with asyncio.timeout(timeout_s):
                while not (messages := self._drain()):
                    await self._readable()
        return messages

    def _drain(self) -> list[Message]:
        messages: list[Message] = []
        try:
            while len(messages) < MOST_AT_ONCE:
                messages.append(self._socket.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            pass
        return messages

    async def _readable(self) -> None:
        """Wait for ZMQ's descriptor, which tells of changes only: read until empty before."""
        came: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._descriptor, _settle, came)
        try:
            await came
        finally:
            self._loop.remove_reader(self._descriptor)


async def replayed(
    context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, start: int, idle_s: float
) -> AsyncGenerator[Frame, None]:
    """What the publisher still has from `start` on, until it says that this is all; raises `TimeoutError`."""
    with Socket(context, zmq.DEALER, endpoint) as asking:
        asking.send([b"", start.to_bytes(8, "big")])
        while True:
            for message in await asking.receive(idle_s):
                found = frame(message)
                if found is None or found.sequence == END:
                    return
                yield found


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
