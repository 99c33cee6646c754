"""Emulated replicas for tests: live ones on loopback, and a loop whose time the test moves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import httptools
import openai

from policies.perf.latency import LatencyModel
from policies.perf.profiles import latency_model
from sims.emulator.connection import Exchange
from sims.emulator.host import Listening
from sims.emulator.replica import EmulatedReplica
from sims.emulator.serve import serving

FAST = 50.0
"""Virtual seconds a second: an answer of 200 tokens takes some 40 ms."""


def perf(kv_tokens: int = 40_000, frontend_s: float = 0.0) -> LatencyModel:
    return latency_model("h100-sxm", "llama-3.1-8b", kv_tokens=kv_tokens, frontend_s=frontend_s)


def replica(**changes: Any) -> EmulatedReplica:
    given = {"name": "r-0", "host": "127.0.0.1", "port": 0, "model": "tiny", "perf": perf(), "context_limit": 4096}
    return EmulatedReplica(**{**given, **changes})


@asynccontextmanager
async def live(spec: EmulatedReplica | None = None, **settings: Any) -> AsyncIterator[Listening]:
    async with serving([spec or replica()], **{"time_scale": FAST, **settings}) as (listening,):
        yield listening


@asynccontextmanager
async def client(spec: EmulatedReplica | None = None, **settings: Any) -> AsyncIterator[Any]:
    async with live(spec, **settings) as listening:
        url = f"http://{listening.address}/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=20) as opened:
            yield opened


class Loop:
    """The part of an event loop that a driver uses, in a test's own time."""

    def __init__(self) -> None:
        self._now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self._now

    def call_at(self, at: float, call: Callable[[], None]) -> "Handle":
        entry = (at, len(self._due), call)
        self._due.append(entry)
        return Handle(lambda: self._due.remove(entry) if entry in self._due else None)

    def run(self, until: float) -> None:
        while self._due and min(self._due)[0] <= until:
            entry = min(self._due)
            self._due.remove(entry)
            self._now = max(self._now, entry[0])
            entry[2]()
        self._now = until


class Handle:
    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


class Heard:
    """An exchange that notes what is sent and when."""

    def __init__(self, loop: Loop) -> None:
        self.loop, self.events, self.ended = loop, list[tuple[float, bytes]](), False

    def send(self, *events: bytes) -> None:
        self.events += [(self.loop.time(), event) for event in events]

    def end(self, *events: bytes) -> None:
        self.send(*events)
        self.ended = True

    def reply(self, status: int, body: bytes) -> None:
        assert status == 200
        self.end(body)

    def as_exchange(self) -> Exchange:
        return cast("Exchange", self)


class Answered:
    """A response parsed from raw bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers, self.body, self.complete = dict[str, str](), b"", False
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(data)
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True
