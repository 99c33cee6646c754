"""Fifty requests at once at a gateway whose rules read every learned signal: how long its loop is held, and by when it
goes on. A callback's processor time is what it holds the loop for, whoever else uses the machine."""

import asyncio
import gc
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.classify_latency.scene import PII, prompt
from policies.native.library import ensure_built
from policies.select.rules.build import ruleset
from policies.signals.learned import LEARNED
from router.auto.auto import Auto
from router.classify.client import Client
from router.classify.keeper import Keeper, Kept
from router.core import Core
from router.gateway.server import Gateway
from router.intake import apply
from router.metrics import Metrics
from router.settings import Settings
from weir.v1 import fleet_pb2

AT_ONCE, EACH = 50, 12
DEADLINE_S = 0.05
ANSWER = b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


@dataclass(slots=True, kw_only=True)
class Held:
    """Seconds that callbacks held the loop, and seconds until requests went on."""

    callbacks: list[float] = field(default_factory=list)
    went_on: list[float] = field(default_factory=list)
    why: dict[str, int] = field(default_factory=dict)


def fifty_at_once(loads: str) -> Held:
    """Run them over a classifier of its own process."""
    held = Held()
    ensure_built()
    with measured(held.callbacks):
        asyncio.run(_scene(loads, held))
    return held


@contextmanager
def measured(took: list[float]) -> Iterator[None]:
    """Note the processor time of every callback of the loop in this thread."""
    plain = asyncio.events.Handle._run

    def timed(self: Any) -> None:
        begun = time.thread_time()
        plain(self)
        took.append(time.thread_time() - begun)

    asyncio.events.Handle._run = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        asyncio.events.Handle._run = plain  # type: ignore[method-assign]


class Timed(Client):
    """A classifier's client that notes by when it let each request go on."""

    def __init__(self, path: str, held: Held) -> None:
        super().__init__(path, DEADLINE_S)
        self._held = held

    def ask(self, names: frozenset[str], text: str, previous: str, then: Callable[..., None], tokens: int = 0) -> None:
        begun = time.monotonic()

        def ended(readings: Any, why: str) -> None:
            self._held.went_on.append(time.monotonic() - begun)
            then(readings, why)

        super().ask(names, text, previous, ended, tokens)


async def _scene(loads: str, held: Held) -> None:
    with tempfile.TemporaryDirectory(prefix="weir-") as folder:
        path = str(Path(folder) / "socket")
        keeping = asyncio.create_task(Keeper(Kept(socket=path, loads=loads)).run())
        await _until_loaded(path)
        client = Timed(path, held)
        client.start()
        replica = await asyncio.start_server(_replica, "127.0.0.1", 0)
        gateway = gateway_over(replica.sockets[0].getsockname()[1])
        listener = socket.create_server(("127.0.0.1", 0))
        await gateway.start(listener)
        gateway.auto = Auto(gateway, _rules(), client)
        bodies = [_post(prompt((64, 256, 2048)[i % 3], i)) for i in range(AT_ONCE)]
        port = listener.getsockname()[1]
        await _caller(port, bodies[2], 3)  # the policies are loaded by then
        settle()
        await asyncio.sleep(0)  # what was done here so far is no request's
        for noted in (held.callbacks, held.went_on, client.why):
            noted.clear()
        await asyncio.gather(*(_caller(port, body) for body in bodies))
        held.why = dict(client.why)
        client.close()
        replica.close()
        await gateway.drain()
        keeping.cancel()
        await asyncio.wait([keeping])


def settle() -> None:
    """What is loaded by now stays, as in a worker: nobody looks at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _until_loaded(path: str) -> None:
    """Wait until the classifier has its models: asked with patience, which the requests do not have."""
    client = Client(path, 60.0)
    client.start()
    while not await _answered(client):  # noqa: ASYNC110 (nobody tells when it listens)
        await asyncio.sleep(0.1)
    client.close()


async def _answered(client: Client) -> bool:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    client.ask(frozenset(LEARNED) - {PII}, "hello", "", lambda _, why: done.set_result(why))
    return await done == ""


def gateway_over(port: int, context_limit: int = 1 << 20) -> Gateway:
    """A gateway with one replica on this machine."""
    core = Core(Settings(policy="least_loaded", tokens="estimate", drain_s=1.0), Metrics())
    told = fleet_pb2.Replica(
        name="r", address=f"127.0.0.1:{port}", pool="p", model="m", gpu="l4", profile="qwen3-8b", block_tokens=16,
        context_limit=context_limit,
    )  # fmt: skip
    ready = [fleet_pb2.ReplicaReport(name="r", ready=True)]
    apply(core, fleet_pb2.FleetUpdate(snapshot=True, replicas=[told], reports=ready))
    return Gateway(core, core.settings)


def _rules() -> Any:
    """Rules that read all but personal data, for which long prompts need more than the deadline; none of them fires."""
    read = {name: told for name, told in LEARNED.items() if name != PII}
    tests = [{"signal": name, "is": [told.labels[0]], "at_least": 0.9999} for name, told in read.items()
             if told.kind == "label"]  # fmt: skip
    tests += [{"signal": name, "at_least": 0.999999} for name, told in read.items() if told.kind != "label"]
    return ruleset({"fallback": {"models": ["m"]}, "rules": [
        {"name": "all", "when": {"any": tests}, "then": {"models": ["m"]}}]})  # fmt: skip


def _post(text: str) -> bytes:
    body = msgspec.json.encode({"model": "auto", "messages": [{"role": "user", "content": text}]})
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: w\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def _replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers whatever comes at once."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(REPLY)
    except asyncio.IncompleteReadError:
        writer.close()


async def _caller(port: int, request: bytes, times: int = EACH) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head
        await reader.readexactly(len(ANSWER))
    writer.close()
