"""One client: asks over kept connections, one to each router; asks again only where its router's process was ended.

A router's process that is killed takes its clients' connections with it, and no other process can go on with them. Such
a request is asked again at the next router, and its whole answer must begin with what the first one had said.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from bench.chaos.asked import Asked
from bench.chaos.heard import Fate, Heard
from bench.chaos.link import HOST
from bench.chaos.wire import hear, written

PATIENCE_S = 60.0  # after which a request that has not ended counts as lost
PAUSE_S = 0.05
STOPPING_S = 1.0  # from when a router takes no new connection until it has closed those that it kept
NEVER = -1e9


@dataclass(slots=True, kw_only=True)
class Door:
    """A router as its clients know it."""

    name: str
    port: int
    killed_at: float = NEVER  # when the process that holds the connections was last killed
    stopped_at: float = NEVER  # when it was last told to finish what it has and take nothing new


@dataclass(slots=True, kw_only=True)
class Answer:
    """One request from beginning to end."""

    asked: Asked
    sent_at: float
    fate: Fate = Fate.LOST
    first_at: float = 0.0
    ended_at: float = 0.0
    router: str = ""
    replica: str = ""
    unsent: int = 0  # routers that nobody listened at
    again: int = 0  # asked again: its router's process was ended before a byte of the answer
    cut: int = 0  # asked again: its router's process was killed in the middle of the answer
    trouble: str = ""

    @property
    def seconds(self) -> float:
        """To the first token of a stream, to the end of an answer that is not streamed."""
        return (self.first_at if self.asked.stream else self.ended_at) - self.sent_at


class Client:
    """Keeps its connections for as long as the routers do."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = doors
        self._open: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(self, asked: Asked, first: int) -> Answer:
        """One request, at the router of that number first; never raises."""
        answer, turn = Answer(asked=asked, sent_at=monotonic()), first
        while True:
            door, began = self._doors[turn % len(self._doors)], monotonic()
            left = answer.sent_at + PATIENCE_S - began
            heard = Heard(asked=asked)
            if left <= 0.0 or not await self._attempt(door, heard, left):
                if left <= 0.0:
                    answer.ended_at, answer.trouble = began, answer.trouble or "no router took it"
                    return answer
                answer.unsent += 1
                await asyncio.sleep(PAUSE_S)
            elif not await self._excused(door, heard, began):
                conclude(answer, door, heard)
                return answer
            elif heard.text:
                answer.cut += 1
            else:
                answer.again += 1
            turn += 1

    def close(self) -> None:
        """Drop all connections."""
        for _, writer in self._open.values():
            writer.close()
        self._open.clear()

    async def _attempt(self, door: Door, heard: Heard, patience_s: float) -> bool:
        """Ask one router; False where nobody listens there."""
        try:
            reader, writer = await self._connected(door)
        except OSError:
            return False
        try:
            async with asyncio.timeout(patience_s):
                writer.write(written(heard.asked))
                await hear(reader, heard)
        except (OSError, EOFError, ValueError) as error:
            heard.trouble.append(f"{type(error).__name__} {error}"[:300])
        if heard.fate() is not Fate.WHOLE:
            self._drop(door)
        return True

    async def _connected(self, door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        known = self._open.get(door.name)
        if known is None or known[0].at_eof():
            self._drop(door)
            known = self._open[door.name] = await asyncio.open_connection(HOST, door.port)
        return known

    async def _excused(self, door: Door, heard: Heard, began: float) -> bool:
        """Whether the end of its router's process is why it did not come whole; what came must be right so far."""
        if heard.fate() is not Fate.LOST or not heard.asked.expected.startswith(heard.text):
            return False
        await asyncio.sleep(PAUSE_S)  # who ended it notes so, but perhaps only after the connection broke
        return excused(door, began, begun=bool(heard.text or heard.ids))

    def _drop(self, door: Door) -> None:
        known = self._open.pop(door.name, None)
        if known is not None:
            known[1].close()


def excused(door: Door, began: float, *, begun: bool) -> bool:
    """Whether an attempt from `began` on may fail: its process was killed meanwhile, or it was told to stop and not a
    byte had come. A kept connection may have died a moment before.
    """
    return door.killed_at >= began - PAUSE_S or (not begun and door.stopped_at >= began - STOPPING_S)


def conclude(answer: Answer, door: Door, heard: Heard) -> None:
    """Enter what the last attempt brought."""
    answer.fate, answer.router, answer.replica = heard.fate(), door.name, heard.replica
    answer.ended_at = monotonic()
    answer.first_at = heard.first_at or answer.ended_at
    answer.trouble = "; ".join(heard.trouble)
    if answer.fate is not Fate.WHOLE and not answer.trouble:
        answer.trouble = f"status {heard.status}, {len(heard.text)} of {len(heard.asked.expected)} characters"
