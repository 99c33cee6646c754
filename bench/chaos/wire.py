"""One request and its answer on a connection to a router."""

import asyncio
from time import monotonic

from bench.chaos.asked import Asked
from bench.chaos.heard import Heard

REPLICA = b"x-weir-replica:"


def written(asked: Asked) -> bytes:
    """The request as bytes."""
    head = f"POST {asked.path} HTTP/1.1\r\nHost: router\r\nX-Request-Id: {asked.mark}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(asked.body)}\r\n\r\n".encode() + asked.body


async def hear(reader: asyncio.StreamReader, heard: Heard) -> None:
    """Read one answer to its end.

    Raises what a broken connection raises, and ValueError for what is no HTTP or no JSON.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    heard.status, heard.replica = int(head.split(b" ", 2)[1]), field(head, REPLICA)
    if b"transfer-encoding: chunked" in head:
        await _events(reader, heard)
        return
    content = await reader.readexactly(int(field(head, b"content-length:")))
    heard.first_at = monotonic()
    if heard.status == 200:
        heard.whole(content)
    else:
        heard.trouble.append(f"{heard.status} {content.decode(errors='replace')[:200]}")


async def _events(reader: asyncio.StreamReader, heard: Heard) -> None:
    rest = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        *events, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n\n")
        for event in events:
            heard.event(event.removeprefix(b"data: "))
            if heard.first_at is None and heard.text:
                heard.first_at = monotonic()
    await reader.readuntil(b"\r\n")
    if rest:
        heard.trouble.append("the stream ended within an event")


def field(head: bytes, name: bytes) -> str:
    """A header's value; empty where it is not there."""
    return head.partition(name)[2].partition(b"\r\n")[0].strip().decode("latin-1")
