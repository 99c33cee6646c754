"""Messages between the front process and its workers."""

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from router.frames import Frames


def framed(messages: list[bytes]) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in messages)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 30))
def test_messages_arrive_whole_however_they_are_cut(messages: list[bytes], size: int) -> None:
    got: list[bytes] = []
    frames, data = Frames(got.append, lambda: None), framed(messages)
    for at in range(0, len(data), size):
        frames.data_received(data[at : at + size])
    assert got == messages


async def test_what_one_end_sends_the_other_receives_until_it_ends() -> None:
    got, ended = list[bytes](), asyncio.Event()
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    _, sender = await loop.create_connection(lambda: Frames(got.append, lambda: None), sock=ours)
    await loop.create_connection(lambda: Frames(got.append, ended.set), sock=theirs)
    messages = [b"", b"x" * 500_000, b"last"]
    for one in messages:
        sender.send(one)
    sender.close()
    await asyncio.wait_for(ended.wait(), 30)
    sender.send(b"too late")
    assert got == messages


def test_sending_before_there_is_a_pipe_is_no_error() -> None:
    Frames(lambda _: None, lambda: None).send(b"x")
