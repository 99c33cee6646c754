import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway.framing import CHUNKED, UNTIL_CLOSE, BadFraming, Chunks, dechunk, reply_head
from tests.router.caller import chunked


def raw(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines]).encode()


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (["Content-Length: 12"], 12),
        (["content-length:0"], 0),
        (["Transfer-Encoding: chunked"], CHUNKED),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], CHUNKED),
        (["Content-Type: text/plain"], UNTIL_CLOSE),
        ([], UNTIL_CLOSE),
    ],
)
def test_a_reply_says_how_long_it_is(lines: list[str], length: int) -> None:
    assert reply_head(raw(*lines)).length == length


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_some_statuses_have_no_body(status: str) -> None:
    assert reply_head(raw(status=status)).length == 0


@pytest.mark.parametrize(("lines", "keep"), [
    (["Content-Length: 1"], True), (["Content-Length: 1", "Connection: close"], False), (["Connection: Close"], False),
    (["Connection: keep-alive", "Content-Length: 1"], True), ([], False),
])  # fmt: skip
def test_a_reply_says_whether_its_connection_may_be_used_again(lines: list[str], keep: bool) -> None:
    found = reply_head(raw(*lines))
    assert found.keep is keep
    assert b"onnection" not in found.raw


def test_http_1_0_is_not_kept() -> None:
    assert not reply_head(b"HTTP/1.0 200 OK\r\nContent-Length: 1").keep


@pytest.mark.parametrize("bad", [b"", b"HTTP/2 200", b"SSH-2.0", b"HTTP/1.1 abc", raw("Content-Length: five")])
def test_what_is_no_reply_is_refused_again_and_again(bad: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadFraming):
            reply_head(bad)


bodies = st.lists(st.binary(min_size=1, max_size=30), max_size=6)
extensions = st.sampled_from((b"", b";a=b", b" ;x", b'; quoted="y"'))
trailers = st.sampled_from((b"", b"a: b\r\n", b"a: b\r\nc: d\r\n"))


@st.composite
def encoded(draw: st.DrawFn) -> tuple[bytes, bytes]:
    pieces = draw(bodies)
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(one), draw(extensions), one) for one in pieces)
    return b"".join(pieces), chunks + b"0\r\n" + draw(trailers) + b"\r\n"


@given(encoded(), st.binary(max_size=10), st.data())
def test_a_chunked_body_ends_at_the_same_byte_however_it_is_cut(
    both: tuple[bytes, bytes], rest: bytes, data: st.DataObject
) -> None:
    content, body = both
    stream = body + rest
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)), max_size=8)) | {len(stream)})
    chunks, used = Chunks(), 0
    for start, end in zip([0, *cuts], cuts, strict=False):
        assert not chunks.over or start >= len(body)
        used += chunks.feed(stream[start:end]) if not chunks.over else 0
    assert chunks.over
    assert used == len(body)
    assert dechunk(body) == content


@given(encoded())
def test_a_chunked_body_may_come_byte_by_byte_and_is_not_over_before_its_end(both: tuple[bytes, bytes]) -> None:
    chunks, body = Chunks(), both[1]
    for i in range(len(body)):
        assert not chunks.over
        assert chunks.feed(body[i : i + 1]) == 1
    assert chunks.over


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=3))
def test_any_bytes_are_chunks_or_are_refused(data: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = Chunks()
    try:
        for start, end in zip([0, *ends], ends, strict=False):
            if not chunks.over:
                assert 0 <= chunks.feed(data[start:end]) <= end - start
    except BadFraming:
        pass


@pytest.mark.parametrize(
    "size", [b"0x5", b"+5", b"-5", b" 5", b"5 ", b"1_0", b"", b"g", b"f" * 16, "٥".encode(), b"5;\n", b"5;\0"]
)
def test_a_size_that_two_parsers_could_read_differently_is_refused(size: bytes) -> None:
    with pytest.raises(BadFraming):
        Chunks().feed(size + b"\r\nhello\r\n0\r\n\r\n")


def test_a_chunk_longer_than_it_said_is_refused_when_its_content_is_taken() -> None:
    with pytest.raises(BadFraming):
        dechunk(b"3\r\nhello\r\n0\r\n\r\n")


def test_a_size_line_without_end_is_refused() -> None:
    chunks = Chunks()
    for _ in range(8):
        chunks.feed(b"0" * 1000)
    with pytest.raises(BadFraming):
        chunks.feed(b"0" * 1000)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_the_content_of_chunks_is_what_was_put_in(content: bytes, size: int) -> None:
    assert dechunk(chunked(content, size)) == content
