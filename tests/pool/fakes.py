"""Engines for tests: an HTTP endpoint, a KV-event publisher with its replay, and the frames vLLM publishes."""

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import zmq

from pool.hashing import plain_chain
from pool.kv_events import Stored
from pool.roster import Roster
from pool.sockets import Socket
from weir.v1 import fleet_pb2

END = b"\xff" * 8
METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 35.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"} 35.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:cache_config_info{block_size="4",cache_dtype="auto",engine="0",num_gpu_blocks="80"} 1.0
process_start_time_seconds %s
"""


def tokens(blocks: int, block_tokens: int = 4, first: int = 0) -> list[int]:
    return list(range(first, first + blocks * block_tokens))


def stored(hashes: Sequence[int | bytes], parent: int | None = None, **more: Any) -> dict[str, Any]:
    """A BlockStored event as vLLM 0.32 publishes it, blocks of 4 tokens."""
    event = {
        "type": "BlockStored",
        "block_hashes": list(hashes),
        "parent_block_hash": parent,
        "token_ids": tokens(len(hashes)),
        "block_size": 4,
        "lora_id": None,
        "medium": "GPU",
        "lora_name": None,
        "extra_keys": [None] * len(hashes),
        "group_idx": 0,
        "kv_cache_spec_kind": "full_attention",
    }
    return event | more


def removed(hashes: Sequence[int], **more: Any) -> dict[str, Any]:
    return {"type": "BlockRemoved", "block_hashes": list(hashes), "medium": "GPU", "group_idx": 0} | more


CLEARED = {"type": "AllBlocksCleared"}


def payload(*events: Any, at: float = 1.0) -> bytes:
    return msgspec.msgpack.encode([at, list(events), 0])


def chained(blocks: int, first: int = 0) -> list[int]:
    """Own hashes of a chain of 4-token blocks."""
    return plain_chain(tokens(blocks, first=first), 4, 0x9AE16A3B2F90404F)


def store(hashes: list[int], parent: int | None = None, **more: Any) -> Stored:
    """A decoded stored event of 4-token blocks."""
    return Stored(**({"hashes": hashes, "parent": parent, "tokens": tokens(len(hashes)), "block_tokens": 4} | more))


def described(name: str = "a-0", **more: Any) -> fleet_pb2.Replica:
    facts: dict[str, Any] = {"address": "127.0.0.1:1", "pool": "a", "model": "tiny", "block_tokens": 4}
    return fleet_pb2.Replica(name=name, **(facts | more))


def roster(**more: Any) -> Roster:
    return Roster(plain_chain, **({"limit_blocks": 1000} | more))


def fleet_file(path: Path, addresses: list[str], events: Sequence[str] = (), replay: Sequence[str] = ()) -> Path:
    lines = ["pools:", "  - name: a", "    gpu: h100-sxm", "    model: llama-3.1-8b", f"    addresses: {addresses}"]
    lines += [f"    events: {list(events)}", f"    replay: {list(replay)}"] if events else []
    path.write_text("\n".join(lines).replace("'", '"') + "\n")
    return path


async def until(true: Any, within_s: float = 30.0) -> None:
    """Wait for something that real sockets bring about."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.005)


class FakeEngine:
    """A vLLM HTTP endpoint: /health and /metrics, as told."""

    def __init__(self, started: float = 1000.0) -> None:
        self.status, self.started, self.connections = 200, started, 0
        self.chunked = False
        self.sources = b""  # what it says of its KV events
        self.models = b""  # what it says it serves
        self.raw: bytes | None = None  # sent in place of any answer
        self.address = ""

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def listen(self, port: int = 0) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(self._answer(head.split()[1]))
                if self.raw is not None:
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def _answer(self, path: bytes) -> bytes:
        if self.raw is not None:
            return self.raw
        body = (METRICS % self.started).encode() if path == b"/metrics" else b""
        body = self.sources if path == b"/kv_event_sources" else self.models if path == b"/v1/models" else body
        if self.chunked:
            parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:20], body[20:]) if part)
            return b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % (self.status, parts)
        return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (self.status, len(body), body)


class FakePublisher:
    """A KV-event publisher with a replay buffer, as vLLM's."""

    def __init__(self, context: "zmq.Context[Any]", keep: int = 1000, *, with_topic: bool = True) -> None:
        self._context, self._keep, self._with_topic = context, keep, with_topic
        self.asked: list[int] = []
        self.silent = False  # replays get no answer
        self.drop_replayed: set[int] = set()  # sequences that a replay leaves out once
        self.events = self.replay = ""

    async def __aenter__(self) -> Self:
        self._live = self._context.socket(zmq.XPUB)
        self._live.setsockopt(zmq.XPUB_VERBOSER, 1)  # says so of every subscriber, not of the first alone
        self._router = Socket(self._context, zmq.ROUTER, "inproc://never")
        self._router._socket.disconnect("inproc://never")
        ports = [self._live.bind_to_random_port("tcp://127.0.0.1"), None]
        ports[1] = self._router._socket.bind_to_random_port("tcp://127.0.0.1")
        self.events, self.replay = (f"tcp://127.0.0.1:{port}" for port in ports)
        self.restart()
        self._task = asyncio.create_task(self._answer())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._live.close(linger=0)
        self._router.__exit__(None, None, None)

    def restart(self) -> None:
        """As a new process on the same ports: counts from 0, its buffer empty."""
        self.sequence = 0
        self.buffer: deque[tuple[int, bytes]] = deque(maxlen=self._keep)

    async def subscribed(self) -> None:
        await until(lambda: self._live.poll(0) and self._live.recv()[:1] == b"\x01")

    def publish(self, *events: Any, at: float = 0.0, live: bool = True, raw: bytes | None = None) -> None:
        """Publish a batch; without `live` the wire loses it."""
        body = payload(*events, at=at or 1.0 + self.sequence) if raw is None else raw
        if live:
            self._live.send_multipart([b"kv@x", self.sequence.to_bytes(8, "big"), body])
        self.buffer.append((self.sequence, body))
        self.sequence += 1

    def send(self, message: list[bytes]) -> None:
        """Put anything on the wire."""
        self._live.send_multipart(message)

    async def _answer(self) -> None:
        while True:
            for who, _, start in await self._router.receive(3600.0):
                self.asked.append(int.from_bytes(start, "big"))
                if not self.silent:
                    self._replay(who, self.asked[-1])

    def _replay(self, who: bytes, start: int) -> None:
        topic = [b"kv@x"] if self._with_topic else []
        for sequence, body in self.buffer:
            if sequence >= start and sequence not in self.drop_replayed:
                self._router.send([who, b"", *topic, sequence.to_bytes(8, "big"), body])
        self.drop_replayed.clear()
        self._router.send([who, b"", *([b""] if topic else []), END, b""])
