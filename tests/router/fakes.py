"""Replicas that behave, and misbehave, as told: small HTTP servers with one trick each."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

Trick = Callable[["FakeReplica", asyncio.StreamWriter, bytes], Awaitable[bool]]
"""Answers one request; returns whether the connection may serve another."""

USAGE = {"prompt_tokens": 40, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 16}}


class Seen(NamedTuple):
    """A request as it arrived."""

    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header; None when it is not there."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode().lower() == name:
                return value.strip().decode()
        return None


class FakeReplica:
    """One server; `tricks` are used up request by request, the last one stays."""

    def __init__(self, name: str, *tricks: Trick) -> None:
        self.name, self.tricks = name, list(tricks) or [answer]
        self.seen: list[Seen] = []
        self.connections = self.broken_off = 0
        self.let_go = asyncio.Event()
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; on the same port as before where it was started before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break every connection off."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.let_go.set()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        seen = Seen((await reader.readuntil(b"\r\n\r\n"))[:-4], b"")
        seen = seen._replace(body=await reader.readexactly(int(seen.header("content-length") or 0)))
        self.seen.append(seen)
        trick = self.tricks.pop(0) if len(self.tricks) > 1 else self.tricks[0]
        watching = asyncio.create_task(reader.read(1))
        answering = asyncio.create_task(_quietly(trick(self, writer, seen.body)))
        await asyncio.wait([watching, answering], return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            watching.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await watching
            return answering.result()
        self.broken_off += 1
        answering.cancel()
        return False


async def _quietly(answering: Awaitable[bool]) -> bool:
    with suppress(ConnectionError, asyncio.CancelledError):
        return await answering
    return False


def refused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def whole(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    """A reply with its length."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def completion(text: str = "hello") -> bytes:
    """A chat completion's body."""
    return json.dumps({"choices": [{"message": {"content": text}}], "usage": USAGE}).encode()


def event(told: object) -> bytes:
    """A server-sent event as one chunk of a chunked body."""
    line = (
        b"data: "
        + (told.encode() if isinstance(told, str) else json.dumps(told, separators=(",", ":")).encode())
        + b"\n\n"
    )
    return b"%x\r\n%b\r\n" % (len(line), line)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def answer(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A whole reply that names the replica and gives the request's body back."""
    writer.write(whole(completion(f"{replica.name} {body.decode(errors='replace')}")))
    await writer.drain()
    return True


async def stream(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """Five tokens, usage and an end, each in a segment of its own."""
    writer.write(STREAM_HEAD)
    for i in range(5):
        writer.write(event({"choices": [{"delta": {"content": f"{replica.name} {i}"}}]}))
        await asyncio.sleep(0.001)
    writer.write(event({"choices": [], "usage": USAGE}) + event("[DONE]") + b"0\r\n\r\n")
    return True


async def slow(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The answer, when it is let go."""
    await replica.let_go.wait()
    return await answer(replica, writer, body)


async def slow_stream(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """One token, and the others when it is let go."""
    writer.write(STREAM_HEAD + event({"choices": [{"delta": {"content": "first"}}]}))
    await replica.let_go.wait()
    writer.write(event("[DONE]") + b"0\r\n\r\n")
    return True


async def die_before_head(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The connection ends without a byte."""
    writer.transport.abort()
    return False


async def die_in_head(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The connection ends in the middle of the head."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    return False


async def die_after_head(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The head, and then the end."""
    writer.write(STREAM_HEAD)
    return False


async def die_mid_stream(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A token, and then the end."""
    writer.write(STREAM_HEAD + event({"choices": [{"delta": {"content": "first"}}]}))
    await writer.drain()
    await asyncio.sleep(0.02)
    return False


async def die_mid_body(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """Half of what the head promised."""
    writer.write(whole(completion())[:-10])
    await asyncio.sleep(0.02)
    return False


async def garbage(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """Something that is not HTTP."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    return True


async def fail_500(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An engine's internal error."""
    writer.write(whole(b'{"error":{"message":"engine died"}}', "500 Internal Server Error"))
    return True


async def fail_503(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An engine that is starting."""
    writer.write(whole(b'{"error":{"message":"starting"}}', "503 Service Unavailable"))
    return True


async def refuse_400(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An engine that does not like the request."""
    writer.write(whole(b'{"error":{"message":"no"}}', "400 Bad Request"))
    return True


async def until_close(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A reply whose end is the connection's end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nup to ")
    await writer.drain()
    writer.write(b"the end")
    return False


async def empty_until_close(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The same, with nothing in it."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    return False


async def no_content(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """A reply without a body."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    return True


async def continue_first(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An interim reply before the final one."""
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await asyncio.sleep(0.005)
    return await answer(replica, writer, body)


async def byte_by_byte(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """The reply in the smallest pieces."""
    reply = STREAM_HEAD + event("x") + b"0\r\n\r\n"
    for i in range(len(reply)):
        writer.write(reply[i : i + 1])
        await asyncio.sleep(0)
    return True


async def closes_politely(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An answer on a connection that serves no other request."""
    writer.write(whole(completion(replica.name), extra="Connection: close\r\n"))
    return False


async def closes_unannounced(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
    """An answer, and the connection is closed a little later."""
    writer.write(whole(completion(replica.name)))
    await asyncio.sleep(0.02)
    return False


def large(size: int) -> Trick:
    """A reply of so many bytes."""

    async def trick(replica: FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        writer.write(whole(b"x" * size))
        return True

    return trick
