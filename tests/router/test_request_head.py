import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway.head import BadHead, parse


def head(*lines: str, start: str = "POST /v1/chat/completions HTTP/1.1") -> bytes:
    return "\r\n".join([start, *lines]).encode("latin-1")


def told(raw: bytes) -> tuple[int, str]:
    """Status and sentence of a head that is refused; 0 and nothing where it is accepted."""
    try:
        parse(raw)
    except BadHead as bad:
        return bad.status, bad.message
    return 0, ""


def test_a_head_is_read_for_what_the_gateway_needs() -> None:
    found = parse(head("Host: h", "Content-Length: 12", "X-Session-Id: s", "X-Weir-Slo: fast", "X-Weir-Tenant: t"))
    assert (found.method, found.path, found.length, found.keep) == (b"POST", b"/v1/chat/completions", 12, True)
    assert (found.session, found.slo, found.tenant, found.request_id) == ("s", "fast", "t", "")
    assert found.deadline_s == 0.0
    assert not found.expects


def test_the_query_goes_on_and_is_no_part_of_the_path() -> None:
    found = parse(head(start="GET /v1/models?a=b HTTP/1.1"))
    assert found.path == b"/v1/models"
    assert found.forward.startswith(b"GET /v1/models?a=b HTTP/1.1\r\n")


def test_the_routers_session_header_wins_over_others() -> None:
    assert parse(head("X-Session-Id: other", "X-Weir-Session: own")).session == "own"


@pytest.mark.parametrize(
    ("value", "keep"), [("close", False), ("Keep-Alive, Close", False), ("keep-alive", True), ("", True)]
)
def test_close_among_the_connection_options_is_seen(value: str, keep: bool) -> None:
    assert parse(head(f"Connection: {value}")).keep is keep


def test_a_header_named_by_connection_stays_behind() -> None:
    assert b"x-hop" not in parse(head("Connection: X-Hop", "X-Hop: 1", "X-Kept: 2")).forward


def test_a_header_given_twice_goes_on_once_with_both_values() -> None:
    assert b"accept: a, b\r\n" in parse(head("Accept: a", "accept:  b  ")).forward


@pytest.mark.parametrize(("value", "seconds"), [("1500", 1.5), ("1", 0.001)])
def test_a_deadline_is_in_milliseconds(value: str, seconds: float) -> None:
    assert parse(head(f"X-Weir-Deadline-Ms: {value}")).deadline_s == seconds


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "9" * 12, ""])
def test_a_senseless_deadline_is_refused(value: str) -> None:
    with pytest.raises(BadHead) as bad:
        parse(head(f"X-Weir-Deadline-Ms: {value}"))
    assert bad.value.status == 400


def test_a_request_id_that_could_not_be_echoed_safely_is_not_taken() -> None:
    assert parse(head("X-Request-Id: caf\xe9")).request_id == ""
    assert parse(head("X-Request-Id: a\tb")).request_id == ""
    assert len(parse(head("X-Request-Id: " + "x" * 1000)).request_id) == 256


def test_chunks_are_a_length_of_minus_one() -> None:
    assert parse(head("Transfer-Encoding: Chunked")).length == -1
    assert parse(head()).length == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_a_4xx(raw: bytes) -> None:
    status, message = told(raw)
    assert status == 0 or 400 <= status < 500
    assert message.endswith(".") == bool(status)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[A-Za-z-]{1,12}", fullmatch=True), st.from_regex(r"[ -~]{0,20}", fullmatch=True))
    )
)
def test_what_goes_on_is_one_line_a_header_and_nothing_the_client_did_not_send(pairs: list[tuple[str, str]]) -> None:
    try:
        found = parse(head(*(f"{name}: {value}" for name, value in pairs)))
    except BadHead:
        return
    lines = found.forward.split(b"\r\n")[1:-1]
    sent = {name.lower().encode() for name, _ in pairs}
    assert {line.split(b": ")[0] for line in lines} <= sent
