"""HTTP/2 as peers speak it, and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.extproc import connection as connections
from router.extproc import frames
from router.extproc.frames import header
from tests.router.extproc.plane import CHAT, Plane, body, endpoint, endpoint_of, headers, load


def test_our_settings_come_first_and_theirs_are_acknowledged() -> None:
    plane = Plane(endpoint(ext_proc_streams=7)).greet()
    first = plane.frames[0]
    told = dict(frames.read_settings(first.payload))
    assert (first.kind, told[frames.MOST_STREAMS], told[frames.TABLE_SIZE]) == (frames.SETTINGS, 7, 0)
    assert [one.flags for one in plane.of(frames.SETTINGS)] == [0, frames.ACK]


def test_a_ping_comes_back_as_it_was_and_an_answer_to_one_does_not() -> None:
    plane = Plane(endpoint()).greet()
    plane.write(frames.frame(frames.PING, 0, 0, b"12345678") + frames.frame(frames.PING, frames.ACK, 0, b"87654321"))
    assert [(one.flags, one.payload) for one in plane.of(frames.PING)] == [(frames.ACK, b"12345678")]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_bytes_may_come_in_any_pieces(cuts: list[int]) -> None:
    plane = Plane(endpoint())
    raw = [headers().SerializeToString(), body().SerializeToString()]
    sent = b"".join(len(one).to_bytes(5, "big") + one for one in raw)
    stream = (
        frames.PREFACE + frames.settings({}) + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, plane.head())
        + frames.frame(frames.DATA, 0, 1, sent[:50]) + frames.frame(frames.DATA, 0, 1, sent[50:])
    )  # fmt: skip
    at = 0
    for cut in cuts:
        plane.write(stream[at : at + cut])
        at += cut
    plane.write(stream[at:])
    first, second = plane.heard(1)
    assert endpoint_of(first)
    assert second.request_body.response.body_mutation.streamed_response.body == CHAT


def test_a_header_block_may_go_on_in_other_frames() -> None:
    plane = Plane(endpoint()).greet()
    block = plane.head()
    plane.write(frames.frame(frames.HEADERS, 0, 1, block[:5]))
    plane.write(frames.frame(frames.CONTINUATION, 0, 1, block[5:9]))
    plane.write(frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[9:]))
    plane.say(1, headers(), body())
    assert len(plane.heard(1)) == 2


def test_padding_and_priority_are_taken_off() -> None:
    plane = Plane(endpoint()).greet()
    flags = frames.END_HEADERS | frames.PADDED | frames.PRIORITISED
    plane.write(frames.frame(frames.HEADERS, flags, 1, b"\x03" + bytes(5) + plane.head() + bytes(3)))
    raw = headers().SerializeToString()
    plane.write(frames.frame(frames.DATA, frames.PADDED, 1, b"\x04" + len(raw).to_bytes(5, "big") + raw + bytes(4)))
    plane.write(frames.frame(frames.PRIORITY, 0, 1, bytes(5)) + frames.frame(0xFA, 0, 0, b"unknown"))
    plane.say(1, body())
    assert len(plane.heard(1)) == 2


BAD = {
    "no preface": (b"GET / HTTP/1.1\r\n\r\n", frames.PROTOCOL_ERROR),
    "a frame too large": (header(16385, frames.DATA, 0, 1), frames.FRAME_SIZE_ERROR),
    "data on stream 0": (frames.frame(frames.DATA, 0, 0, b"x"), frames.PROTOCOL_ERROR),
    "data before headers": (frames.frame(frames.DATA, 0, 1, b"x"), frames.PROTOCOL_ERROR),
    "an even stream": (frames.frame(frames.HEADERS, frames.END_HEADERS, 2, b"\x82"), frames.PROTOCOL_ERROR),
    "garbage for headers": (frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), 9),
    "an index beyond the table": (frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xfe"), 9),
    "an interrupted block": (
        frames.frame(frames.HEADERS, 0, 1, b"\x82") + frames.frame(frames.PING, 0, 0, bytes(8)),
        frames.PROTOCOL_ERROR,
    ),
    "a continuation of nothing": (frames.frame(frames.CONTINUATION, 4, 1, b""), frames.PROTOCOL_ERROR),
    "more padding than frame": (
        frames.frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, 1, b"\x09\x82"),
        frames.PROTOCOL_ERROR,
    ),
    "a short ping": (frames.frame(frames.PING, 0, 0, b"x"), frames.FRAME_SIZE_ERROR),
    "a ping on a stream": (frames.frame(frames.PING, 0, 1, bytes(8)), frames.PROTOCOL_ERROR),
    "half a setting": (frames.frame(frames.SETTINGS, 0, 0, b"abc"), frames.FRAME_SIZE_ERROR),
    "a window beyond bounds": (frames.settings({frames.INITIAL_WINDOW: 1 << 31}), frames.FLOW_CONTROL_ERROR),
    "a frame size beyond bounds": (frames.settings({frames.MOST_FRAME: 5}), frames.PROTOCOL_ERROR),
    "an acknowledgement with words": (frames.frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), frames.FRAME_SIZE_ERROR),
    "a window that grows by nothing": (frames.window_update(0, 0), frames.FLOW_CONTROL_ERROR),
    "a window of three bytes": (frames.frame(frames.WINDOW_UPDATE, 0, 0, b"abc"), frames.FRAME_SIZE_ERROR),
    "a window of no stream": (frames.window_update(9, 5), frames.PROTOCOL_ERROR),
    "a reset of no stream": (frames.reset(9, 0), frames.PROTOCOL_ERROR),
    "a reset of three bytes": (frames.frame(frames.RST_STREAM, 0, 1, b"abc"), frames.FRAME_SIZE_ERROR),
    "a push": (frames.frame(frames.PUSH_PROMISE, 0, 1, bytes(4)), frames.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("case", BAD)
def test_a_peer_that_breaks_the_protocol_is_told_and_cut_off(case: str) -> None:
    sent, code = BAD[case]
    plane = Plane(endpoint())
    if case != "no preface":
        plane.greet()
    plane.write(sent)
    assert plane.cut_off() == code
    assert plane.wire.closed
    plane.connection.data_received(b"more")
    assert not plane.wire.written


@given(st.binary(max_size=400))
def test_no_bytes_break_anything_but_their_own_connection(noise: bytes) -> None:
    made = endpoint(1)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    plane.write(noise)
    plane.connection.connection_lost(None)
    assert not made.calls
    made.sweep(1e18)
    assert load(made.core) == 0


@given(st.binary(max_size=200))
def test_a_message_that_is_no_protobuf_ends_its_call_alone(noise: bytes) -> None:
    made = endpoint(1)
    plane = Plane(made).greet()
    bad, good = plane.call(), plane.call()
    plane.say(bad, noise)
    plane.say(good, headers(), body())
    assert len(plane.heard(good)) == 2
    assert plane.cut_off() is None


def test_a_compressed_message_ends_its_call_with_unimplemented() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.write(frames.frame(frames.DATA, 0, call, b"\1\0\0\0\1x"))
    assert plane.status(call) == "12"


def test_a_message_beyond_the_limit_ends_its_call() -> None:
    plane = Plane(endpoint(max_body_bytes=10)).greet()
    call = plane.call()
    plane.write(frames.frame(frames.DATA, 0, call, b"\0\x7f\xff\xff\xff"))
    assert plane.status(call) == "8"


def test_unknown_methods_and_what_is_not_grpc_are_turned_away() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call(b"/envoy.service.ext_proc.v3.ExternalProcessor/Other")
    plane.write(frames.frame(frames.HEADERS, frames.END_HEADERS, 9, plane.head(kind="text/plain")))
    assert plane.status(call) == "12"
    assert [one.stream for one in plane.of(frames.HEADERS)] == [call, 9]


def test_more_calls_than_a_connection_may_have_are_refused_for_another_try() -> None:
    plane = Plane(endpoint(ext_proc_streams=2)).greet()
    calls = [plane.call() for _ in range(3)]
    refused = plane.of(frames.RST_STREAM)
    assert [(one.stream, one.payload[3]) for one in refused] == [(calls[2], frames.REFUSED_STREAM)]


def test_what_the_peer_has_no_room_for_waits_for_its_window() -> None:
    plane = Plane(endpoint()).greet(window=100)
    call = plane.call()
    plane.say(call, headers(), body())
    assert plane.bytes_of(call) <= 100
    for _ in range(20):
        plane.write(frames.window_update(call, 40))
    assert len(plane.heard(call)) == 2


def test_the_end_of_a_call_waits_for_what_it_still_has_to_say() -> None:
    made = endpoint()
    plane = Plane(made).greet(window=0)
    call = plane.call()
    plane.say(call, headers(), body(), ends=True)
    assert plane.status(call) is None
    plane.write(frames.settings({frames.INITIAL_WINDOW: 1 << 16}))
    assert plane.status(call) == "0"
    assert len(plane.heard(call)) == 2


def test_a_stream_is_granted_as_much_again_as_it_sent() -> None:
    plane = Plane(endpoint()).greet(window=1 << 24)
    call = plane.call()
    plane.say(call, headers(), body(b"x" * (3 << 20), ends=False))
    grants = [one for one in plane.of(frames.WINDOW_UPDATE) if one.stream == call]
    assert sum(int.from_bytes(one.payload, "big") for one in grants) >= 2 << 20
    assert plane.cut_off() is None


def test_a_stream_that_sends_more_than_it_was_granted_is_broken_off() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    stream = plane.connection.streams[call]
    stream.received = connections.STREAM_WINDOW
    plane.write(frames.frame(frames.DATA, 0, call, b"x"))
    assert [one.payload[3] for one in plane.of(frames.RST_STREAM)] == [frames.FLOW_CONTROL_ERROR]


def test_a_peer_that_reads_nothing_is_granted_nothing_and_cut_off_at_many_pings() -> None:
    plane = Plane(endpoint()).greet()
    plane.connection.pause_writing()
    plane.write(frames.frame(frames.PING, 0, 0, bytes(8)) * (connections.MOST_OWED + 1))
    assert plane.cut_off() == frames.ENHANCE_YOUR_CALM


def test_a_header_block_without_end_is_cut_off() -> None:
    plane = Plane(endpoint()).greet()
    plane.write(frames.frame(frames.HEADERS, 0, 1, b"\x82"))
    for _ in range(5):
        if not plane.wire.closed:
            plane.write(frames.frame(frames.CONTINUATION, 0, 1, bytes(16384)))
    assert plane.cut_off() == frames.ENHANCE_YOUR_CALM


def test_a_silent_peer_and_one_in_the_middle_of_a_block_are_overdue() -> None:
    silent, halfway, fine = Plane(endpoint()), Plane(endpoint()).greet(), Plane(endpoint()).greet()
    halfway.write(frames.frame(frames.HEADERS, 0, 1, b"\x82"))
    late = halfway.connection.since + 11.0
    assert silent.connection.overdue(late, 10.0)
    assert halfway.connection.overdue(late, 10.0)
    assert not fine.connection.overdue(late, 10.0)


def test_a_header_block_seen_before_is_not_read_again() -> None:
    plane = Plane(endpoint()).greet()
    plane.call()  # its block sets the table's size as well
    plane.call()
    known = plane.connection._heads._known
    seen = dict(known)
    plane.call()
    assert known == seen
    assert len(known) == 2


def test_a_connection_that_is_lost_takes_its_calls_with_it() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    for _ in range(3):
        plane.say(plane.call(), headers(), body())
    assert load(made.core) > 0
    plane.connection.connection_lost(None)
    assert load(made.core) == 0
    assert not made.calls


@pytest.mark.parametrize("at_once", [True, False])
def test_a_call_ended_and_reset_in_one_read_is_sent_no_end(at_once: bool) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    end = frames.frame(frames.DATA, frames.END_STREAM, call, b"")
    reset = frames.reset(call, frames.CANCEL)
    for piece in [end + reset] if at_once else [end, reset]:
        plane.write(piece)
    assert plane.status(call) == (None if at_once else "0")
    assert load(made.core) == 0
    assert not made.calls


def test_draining_names_the_last_call_that_is_served() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.connection.drain()
    plane._take()
    (told,) = plane.of(frames.GOAWAY)
    assert int.from_bytes(told.payload[:4], "big") == call
    plane.say(call, headers(), body())
    assert len(plane.heard(call)) == 2
