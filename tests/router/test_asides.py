"""Requests that the gateway asks itself: gathered whole, given up in time, broken ones told as broken."""

import pytest

from router.gateway.aside import NONE, Gathered, whole
from tests.router.caller import chunked

BODY = b'{"a": 1}'
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


def test_an_abort_says_that_the_reply_broke_off() -> None:
    told: list[str] = []
    gathered = Gathered(lambda: told.append("broken"))
    gathered.write(b"a")
    gathered.abort()
    assert told == ["broken"]
