"""A link between two real sockets: passes, resets, holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.chaos.link import HOST, Link
from bench.ports import free_ports

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


OPEN: list[asyncio.StreamWriter] = []
"""Connections of the test at hand, to be closed at its end."""


class Echo:
    """Answers every line with the line."""

    def __init__(self) -> None:
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.heard += data
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()


@asynccontextmanager
async def linked(*, up: bool = True) -> AsyncIterator[tuple[Link, Echo]]:
    near, far = free_ports(2)
    link, echo = Link(near, far), Echo()
    OPEN.clear()
    server = await asyncio.start_server(echo, HOST, far) if up else None
    await link.open()
    try:
        yield link, echo
    finally:
        for writer in OPEN:
            writer.close()
        link.cut()
        await asyncio.sleep(0.02)
        if server is not None:
            server.close()
            await server.wait_closed()


async def connected(link: Link) -> Ends:
    reader, writer = await asyncio.open_connection(HOST, link.port)
    OPEN.append(writer)
    return reader, writer


async def said(ends: Ends, words: bytes) -> bytes:
    ends[1].write(words)
    async with asyncio.timeout(30.0):
        return await ends[0].readexactly(len(words))


async def silent(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ends[0].readexactly(1)


async def test_bytes_pass_both_ways_in_order() -> None:
    async with linked() as (link, _):
        ends = await connected(link)
        much = bytes(range(256)) * 4096
        assert await said(ends, b"hello") == b"hello"
        assert await said(ends, much) == much
        ends[1].close()


async def test_a_cut_resets_what_is_open_and_refuses_what_comes() -> None:
    async with linked() as (link, _):
        ends = await connected(link)
        await said(ends, b"hello")
        link.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ends[0].readexactly(1)
        with pytest.raises(OSError):
            await connected(link)
        await link.open()
        assert await said(await connected(link), b"again") == b"again"


async def test_what_is_held_comes_through_once_it_is_let_go_and_only_once() -> None:
    async with linked() as (link, echo):
        ends = await connected(link)
        await said(ends, b"one")
        link.hold()
        ends[1].write(b"two")
        late = await connected(link)
        late[1].write(b"three")
        await silent(ends)
        await silent(late)
        assert echo.heard == b"one"
        link.release()
        assert await asyncio.wait_for(ends[0].readexactly(3), 5.0) == b"two"
        assert await asyncio.wait_for(late[0].readexactly(5), 5.0) == b"three"
        assert len(echo.heard) == 11


async def test_half_held_only_what_began_so_waits() -> None:
    async with linked() as (link, _):
        get, post = await connected(link), await connected(link)
        await said(get, b"GET /health")
        await said(post, b"POST /v1")
        link.hold(b"POST")
        post[1].write(b"POST again")
        assert await said(get, b"GET /metrics") == b"GET /metrics"
        await silent(post)
        link.release()
        assert await asyncio.wait_for(post[0].readexactly(10), 5.0) == b"POST again"


async def test_nobody_behind_it_is_a_reset() -> None:
    async with linked(up=False) as (link, _):
        ends = await connected(link)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ends[0].readexactly(1)
    assert not link.crossings


async def test_who_hangs_up_is_gone_from_the_link() -> None:
    async with linked() as (link, _):
        ends = await connected(link)
        await said(ends, b"hello")
        ends[1].close()
        async with asyncio.timeout(30.0):
            while link.crossings:  # noqa: ASYNC110 (nothing but looking tells)
                await asyncio.sleep(0.01)
