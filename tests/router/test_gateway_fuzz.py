"""Arbitrary bytes into the client's protocol and the replica's: nothing is raised, and what is written is HTTP."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.core import Core
from router.gateway.client import Client
from router.gateway.server import Gateway
from router.settings import Settings
from tests.router.caller import chat, post, post_chunked
from tests.router.fakes import STREAM_HEAD, completion, event, whole
from tests.router.routers import core_of, described, load

WAITING = Settings(tokens="always", max_head_bytes=2000, max_body_bytes=4000)
REPLIES = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n", re.ASCII)


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.paused = bytearray(), False, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 0


def gateway(tokenizer: str = "") -> Gateway:
    """A gateway whose one replica is not ready: what may be sent is held."""
    core = core_of(WAITING, described("r0", "127.0.0.1:9", tokenizer=tokenizer))
    core.view.set_ready(0, False)
    return Gateway(core, WAITING)


GATEWAYS = [gateway(), gateway("llama3")]


def fed(made: Gateway, pieces: list[bytes]) -> Wire:
    """What a client that sent those pieces was written."""
    client, wire = Client(made), Wire()
    client.connection_made(wire)
    for piece in pieces:
        if not wire.closed:
            client.data_received(piece)
    client.overdue(1e12)
    client.time_out() if client.exchange is None else None
    client.connection_lost(None)
    made.release()
    return wire


def statuses(written: bytes | bytearray) -> list[int]:
    """The statuses of replies that follow one another, each of the length it says."""
    found, at = [], 0
    while at < len(written):
        head = REPLIES.match(written, at)
        assert head is not None, bytes(written[at : at + 200])
        length = re.search(rb"content-length: (\d+)\r\n", head[0])
        at = head.end() + (int(length[1]) if length else 0)
        found.append(int(head[1]))
    assert at == len(written)
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data cut at places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


VALID = [
    post(), post(stream=True), post_chunked(chat()), post("/v1/completions", body=b'{"model":"m","prompt":"hi"}'),
    b"GET /live HTTP/1.1\r\n\r\n", post(model="nobody"), post("/v1/chat/completions", "Expect: 100-continue"),
    post(body=b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}'),
]  # fmt: skip
places = st.lists(st.integers(0, 5000), max_size=4)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Good requests, some of their bytes replaced, removed or doubled."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(VALID), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from((b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff", b'"', b"{", b"[", b"\\ud800", b"0")),
            )
        )
    return bytes(data)


@settings(max_examples=300)
@given(data=st.one_of(st.binary(max_size=400), mutated()), places=places, which=st.sampled_from((0, 1)))
def test_no_bytes_from_a_client_raise_and_all_that_is_answered_is_4xx_or_fine(
    data: bytes, places: list[int], which: int
) -> None:
    made = GATEWAYS[which]
    told = statuses(fed(made, cut(data, places)).written)
    assert not [status for status in told if not (status < 300 or 400 <= status < 500)]
    assert made.core.metrics.in_flight == 0
    assert made.core.metrics.held == 0
    assert not made.clients


@settings(max_examples=60)
@given(data=mutated())
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes) -> None:
    made = GATEWAYS[0]
    alone = fed(made, [data[i : i + 1] for i in range(len(data))])
    without_continue = [status for status in statuses(alone.written) if status != 100]
    together = [status for status in statuses(fed(made, [data]).written) if status != 100]
    assert without_continue == together


def test_heads_that_are_refused_are_refused_again() -> None:
    bad = b"GET /live HTTP/1.1\r\nA b\r\n\r\n"
    assert [statuses(fed(GATEWAYS[0], [bad]).written) for _ in range(2)] == [[400], [400]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


HEADERS = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
ANSWERS = [
    whole(completion()),
    STREAM_HEAD + event("x") + b"0\r\n\r\n",
    HEADERS,
    b"HTTP/1.1 100 Continue\r\n\r\n" + HEADERS,
]


@st.composite
def odd_answers(draw: st.DrawFn) -> bytes:
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


@settings(max_examples=150)
@given(data=st.one_of(st.binary(max_size=100), odd_answers()), places=places, streamed=st.booleans())
def test_no_bytes_from_a_replica_raise_and_no_load_stays(data: bytes, places: list[int], streamed: bool) -> None:
    core = core_of(Settings(retries=0), described("r0", "127.0.0.1:9"))
    asyncio.run(_replied(core, cut(data, places), streamed))
    assert core.metrics.in_flight == 0
    assert max(map(abs, load(core))) < 1e-6


async def _replied(core: Core, pieces: list[bytes], streamed: bool) -> None:
    made, wire, back = Gateway(core, core.settings), Wire(), Wire()
    client = Client(made)
    upstreams = []

    async def connect(factory: object, *_: object, **__: object) -> tuple[Wire, object]:
        upstreams.append(factory())  # type: ignore[operator]
        upstreams[0].connection_made(back)
        return back, upstreams[0]

    asyncio.get_running_loop().create_connection = connect  # type: ignore[method-assign,assignment]
    client.connection_made(wire)
    client.data_received(post(stream=streamed))
    for _ in range(6):
        await asyncio.sleep(0)
    for piece in pieces:
        if not back.closed:
            upstreams[0].data_received(piece)
    upstreams[0].connection_lost(None)
    client.connection_lost(None)
