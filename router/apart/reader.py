"""A gateway's end of the reading process: one body at a time, by a thread that mostly waits."""

import asyncio
import subprocess
import sys
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from policies.signals.facts import Message
from router.apart.answer import FIELDS, Answer, Ask, Digest, Wrong
from router.order import Order

GRACE_S = 2.0
PATIENCE_S = 30.0  # for one body; a process that takes longer is ended


class Reader:
    """The process is started with the first body and again whenever it ended."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def read(self, asked: Ask, body: bytes, then: Callable[[Order | Wrong | None], None]) -> None:
        """Have a body read; `then` is called on the loop, with None where the process ended over it or that failed."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "large-bodies")
        reading = asyncio.get_running_loop().run_in_executor(self._thread, self.ask, asked, body)

        def done(read: "asyncio.Future[Order | Wrong | None]") -> None:
            if not read.cancelled():
                then(read.result() if read.exception() is None else None)

        reading.add_done_callback(done)

    def ask(self, asked: Ask, body: bytes) -> Order | Wrong | None:
        """Have a body read and wait for it; None where the process ended over it, or took too long."""
        try:
            if self._pipe is None:
                self._pipe = self._start()
            self._pipe.send(asked)
            self._pipe.send_bytes(body)
            if not self._pipe.poll(PATIENCE_S):
                raise TimeoutError
            return _heard(self._pipe, asked, body)
        except (EOFError, OSError):
            self._stop()
            return None

    def close(self) -> None:
        """Let process and thread end."""
        if self._thread is not None:
            self._thread.submit(self._stop)
            self._thread.shutdown()
            self._thread = None

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "router.apart.process", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        return ours

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _heard(pipe: Connection, asked: Ask, body: bytes) -> Order | Wrong:
    answer = pipe.recv()
    if isinstance(answer, Wrong):
        return answer
    assert isinstance(answer, Answer)
    order = Order(asked.id, answer.noted.model, body)
    for name, value in zip(FIELDS, answer.noted, strict=True):
        setattr(order, name, value)
    messages: list[Message] = []
    while len(messages) < answer.messages:
        messages += pipe.recv()
    if answer.told is not None and answer.places is not None:
        order.digest = Digest(body, answer.told._replace(messages=tuple(messages)), answer.places)
    if answer.tokens:
        order.tokens = array("I")
        order.tokens.frombytes(pipe.recv_bytes())
    return order
