"""A gateway's end of the classifier: asks, and goes on without an answer once its deadline has passed."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from time import monotonic

import numpy as np

from policies.select.rules.rule import RuleSet
from policies.signals.port import Embedding
from policies.signals.reading import Reading
from router.classify.wire import ASK, MEANINGS, VECTOR, Ask, Meanings, Told, encode, sendable, told
from router.frames import Frames
from weir.supervise import supervised

NOTHING = Told(-1, {})
AGAIN_S = 0.2
MOST_PENDING = 512
DEADLINE_S = 0.05
AT_A_TIME_S = 0.0005  # that answers which come together hold the loop for

Then = Callable[[Mapping[str, Reading], str], None]
"""What is done with the readings; the word is empty, or says why there are none, or why other
ones than were meant: late, absent, died, full, unread, light (the static tier stood in for the encoder)."""

Embedded = Callable[[Embedding], None]
"""What is done with a text's embedding; it has no length where none came in time."""


@dataclass(slots=True)
class Pending:
    """One question under way."""

    heard: Callable[[Told, str], None]  # what came, and why nothing did
    names: frozenset[str]
    timer: asyncio.TimerHandle | None = field(default=None)


class Client:
    """One connection, kept; nothing here waits or computes."""

    def __init__(self, path: str, deadline_s: float = DEADLINE_S) -> None:
        self._path, self._deadline_s = path, deadline_s
        self._ids, self._pending = count(), dict[int, Pending]()
        self._frames: Frames | None = None
        self._meanings = Meanings({}, {})
        self._ended: deque[tuple[Callable[[Told, str], None], Told, str]] = deque()  # answers not yet passed on
        self._going = False
        self.why: dict[str, int] = {}  # how often readings came ("") or did not, by why
        self._again: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Connect, and connect again whenever that ends."""
        self._again = asyncio.get_running_loop().create_task(supervised("reaching the classifier", self._connect))

    def close(self) -> None:
        """Ask no more."""
        self._closed = True
        if self._again is not None:
            self._again.cancel()
        if self._frames is not None:
            self._frames.close()

    def use(self, rules: RuleSet) -> None:
        """These are the rules whose anchors and partitions are meant from now on."""
        anchors = {name: anchor.examples for name, anchor in rules.anchors.items()}
        cells = {name: (one.members, one.temperature, one.at_least) for name, one in rules.partitions.items()}
        self._meanings = Meanings(anchors, cells)
        self._tell_meanings()

    def ask(self, names: frozenset[str], text: str, previous: str, then: Then, tokens: int = 0) -> None:
        """Have signals read; `then` is called once, soon: with what was read, or with nothing and why.

        Tokens are those of all that a model is asked with the text; 0 where nobody counted.
        """
        self._ask(names, text, previous, lambda answer, why: then(answer.readings, why), tokens)

    def embed(self, text: str, then: Embedded) -> None:
        """Have a text embedded; `then` is called once, soon."""
        self._ask(frozenset((VECTOR,)), text, "", lambda answer, _: then(np.frombuffer(answer.vector, np.float32)))

    def _ask(
        self, names: frozenset[str], text: str, previous: str, heard: Callable[[Told, str], None], tokens: int = 0
    ) -> None:
        if self._frames is None or len(self._pending) >= MOST_PENDING:
            self._end(heard, NOTHING, "absent" if self._frames is None else "full")
            return
        number, loop = next(self._ids), asyncio.get_running_loop()
        pending = self._pending[number] = Pending(heard, names)
        pending.timer = loop.call_later(self._deadline_s, self._late, number)
        asked = Ask(number, sorted(names), sendable(text), sendable(previous), self._deadline_s, tokens)
        self._frames.send(ASK + encode(asked))

    def _end(self, heard: Callable[[Told, str], None], answer: Told, why: str) -> None:
        self.why[why] = self.why.get(why, 0) + 1
        self._ended.append((heard, answer, why))
        self._soon()

    def _soon(self) -> None:
        if self._ended and not self._going:
            self._going = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Let requests go on for a moment; the rest after the loop has looked at its sockets again."""
        until = monotonic() + AT_A_TIME_S
        try:
            while self._ended:
                heard, answer, why = self._ended.popleft()
                heard(answer, why)
                if monotonic() >= until:
                    break
        finally:
            self._going = False
            self._soon()

    def _late(self, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            self._end(pending.heard, NOTHING, "late")

    def _heard(self, frame: bytes) -> None:
        answer = told(frame)
        pending = self._pending.pop(answer.id, None)
        if pending is None:
            return
        if pending.timer is not None:
            pending.timer.cancel()
        self._end(pending.heard, answer, _why(answer, pending.names))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            gone = asyncio.Event()
            frames = Frames(self._heard, gone.set)
            with contextlib.suppress(OSError):
                await loop.create_unix_connection(lambda made=frames: made, self._path)  # type: ignore[misc]
                self._frames = frames
                self._tell_meanings()
                await gone.wait()
                self._lost()
            await asyncio.sleep(AGAIN_S)

    def _lost(self) -> None:
        self._frames = None
        pending, self._pending = self._pending, {}
        for each in pending.values():
            if each.timer is not None:
                each.timer.cancel()
            self._end(each.heard, NOTHING, "died")

    def _tell_meanings(self) -> None:
        if self._frames is not None:
            self._frames.send(MEANINGS + encode(self._meanings))


def _why(answer: Told, names: frozenset[str]) -> str:
    if answer.late or answer.light:
        return "late" if answer.late else "light"
    read = {*answer.readings, *((VECTOR,) if answer.vector else ())}
    return "" if names <= read else "unread"
