"""Requests that the gateway asks itself: gathered whole, given up in time, broken ones told as broken."""

import asyncio

import pytest

from router.gateway import head as heads
from router.gateway.aside import NONE, Aside, Gathered, Whole, whole
from router.gateway.exchange import Exchange
from tests.router import fakes
from tests.router.caller import PATIENCE_S, chat, chunked, post
from tests.router.routers import Routers

BODY = b'{"a": 1}'
HEAD_OF_A_CHAT = heads.parse(post().partition(b"\r\n\r\n")[0])
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def test_a_reply_with_its_length_is_whole() -> None:
    found = whole(HEAD + b"content-length: 8\r\n\r\n" + BODY)
    assert (found.status, found.body) == (200, BODY)


def test_a_reply_in_chunks_is_whole() -> None:
    found = whole(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(BODY))
    assert (found.status, found.body) == (200, BODY)


def test_a_reply_that_ended_with_its_connection_is_whole() -> None:
    assert whole(HEAD + b"\r\n" + BODY).body == BODY


@pytest.mark.parametrize(
    "data",
    [
        b"", HEAD, b"SSH-2.0\r\n\r\n", HEAD + b"content-length: 9\r\n\r\n" + BODY,
        HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(BODY)[:-5],
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)  # fmt: skip
def test_what_is_cut_or_cannot_be_read_is_a_broken_reply(data: bytes) -> None:
    assert whole(data) is NONE


def test_a_reply_that_is_too_long_is_broken_off_and_kept_no_longer() -> None:
    told: list[str] = []
    gathered = Gathered(lambda: told.append("broken"))
    for _ in range(17):
        gathered.write(bytes(1 << 20))
    assert (told, gathered.data) == (["broken"], [])


async def test_a_leg_whose_reply_does_not_end_is_given_up_and_leaves_no_load(routers: Routers) -> None:
    async def endless(replica: fakes.FakeReplica, writer: asyncio.StreamWriter, body: bytes) -> bool:
        writer.write(HEAD + b"content-length: 99999999999\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(1 << 20))
            await writer.drain()
        return False

    running = await routers.start(endless)
    order, slow = running.gateway.read("id", HEAD_OF_A_CHAT, chat())
    replies = asyncio.Queue[Whole]()
    aside = Aside(running.gateway, replies.put_nowait)
    aside.begin(Exchange(running.gateway, aside, HEAD_OF_A_CHAT, chat(), order), 600.0, slow)
    assert await asyncio.wait_for(replies.get(), PATIENCE_S) is NONE
    await running.idle()


def test_an_abort_says_that_the_reply_broke_off() -> None:
    told: list[str] = []
    gathered = Gathered(lambda: told.append("broken"))
    gathered.write(b"a")
    gathered.abort()
    assert told == ["broken"]
