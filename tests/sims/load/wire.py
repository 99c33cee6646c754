"""An API without a network: what it says to each request is a script, in the loop's fake time."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

from sims.arrival import Arrival
from sims.load.connection import Connection
from sims.load.prompts import Prompts
from sims.load.record import Record
from sims.load.replay import Replay
from sims.load.target import Composer, Target

Script = list[tuple[float, bytes | None]]  # (seconds later, bytes of the reply; None closes the connection)

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Weir-Replica: a-0\r\nTransfer-Encoding: chunked\r\n\r\n"
)
ROLE = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
TOKEN = {"choices": [{"delta": {"content": "x"}}]}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def usage(prompt: int, output: int, cached: int | None = None) -> bytes:
    counts: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": output}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    return event({"choices": [], "usage": counts})


def streamed(tokens: int, ttft_s: float = 1.0, gap_s: float = 0.5, cached: int = 4) -> Script:
    """A good answer."""
    script: Script = [(0.0, HEAD + chunk(event(ROLE))), (ttft_s, chunk(event(TOKEN)))]
    script += [(gap_s, chunk(event(TOKEN)))] * (tokens - 1)
    return [*script, (0.0, chunk(usage(10, tokens, cached)) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")]


def reply(status: int, body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Wire:
    """Stands for the transport of one connection."""

    def __init__(self, api: "Api", connection: Connection) -> None:
        self._api, self._connection, self._closing = api, connection, False

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes) -> None:
        self._api.requests.append(data)
        self._next(iter(self._api.answer(data)))

    def _next(self, script: Iterator[tuple[float, bytes | None]]) -> None:
        for delay, piece in script:
            asyncio.get_running_loop().call_later(delay, self._say, piece, script)
            return

    def _say(self, piece: bytes | None, script: Iterator[tuple[float, bytes | None]]) -> None:
        if self._closing:
            return
        if piece is None:
            self.close()
        else:
            self._connection.data_received(piece)
        self._next(script)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    abort = close


class Api:
    """What answers; `answer` maps the bytes of a request to a script."""

    def __init__(self, answer: Callable[[bytes], Script]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.wires: list[Wire] = []
        self.refuse: OSError | None = None
        self.dials_s = 0.0

    async def dial(self, make: Callable[[], Connection]) -> Connection:
        await asyncio.sleep(self.dials_s)
        if self.refuse:
            raise self.refuse
        connection = make()
        self.wires.append(Wire(self, connection))
        connection.connection_made(cast("asyncio.Transport", self.wires[-1]))
        return connection

    async def replay(
        self, arrivals: list[Arrival], *, time_scale: float = 1.0, max_open: int = 100, timeout_s: float = 100.0
    ) -> list[Record]:
        return await self.make(time_scale=time_scale, max_open=max_open, timeout_s=timeout_s).run(arrivals)

    def make(self, *, time_scale: float = 1.0, max_open: int = 100, timeout_s: float = 100.0) -> Replay:
        composer = Composer(head=Target.of("http://api:80").head(), model="m", prompts=Prompts())
        return Replay(
            self.dial,
            composer,
            time_scale=time_scale,
            max_open=max_open,
            timeout_s=timeout_s,
            run_id="t",
            clock=asyncio.get_running_loop().time,
        )


def body(request: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.partition(b"\r\n\r\n")[2])
    return found
