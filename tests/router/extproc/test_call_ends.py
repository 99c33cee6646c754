"""When a call ends before its reply, with it or by force; and bodies that come ahead of the answer to their headers."""

import gc
import json
from collections.abc import Callable

import pytest

from router.extproc import frames
from router.extproc.call import Call
from router.extproc.endpoint import Endpoint
from tests.router.extproc.plane import (
    BUFFERED,
    CHAT,
    DUPLEX,
    HIDDEN,
    STREAMED,
    Plane,
    body,
    endpoint,
    endpoint_of,
    headers,
    load,
    reply_headers,
    set_headers,
)  # fmt: skip
from weir.v1 import ext_proc_pb2 as pb


def test_a_reply_that_is_not_shown_ends_when_its_call_does() -> None:
    made = endpoint(ext_proc_replies=0.0)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(BUFFERED), body())
    assert load(made.core) > 0
    plane.write(frames.reset(call, frames.CANCEL))
    assert load(made.core) == 0
    assert made.core.metrics.series("m", "p").codes == {0: 1}


@pytest.mark.parametrize("politely", [True, False])
def test_a_call_that_closes_before_the_reply_counts_for_as_long_as_was_predicted(politely: bool) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(DUPLEX, HIDDEN), body(), ends=politely)
    if not politely:
        plane.write(frames.reset(call, frames.CANCEL))
    assert plane.status(call) == ("0" if politely else None)
    assert load(made.core) > 0
    made.sweep(1e18)
    assert load(made.core) == 0
    assert made.core.metrics.series("m", "p").codes == {0: 1}


def test_a_call_that_stays_open_counts_until_it_ends() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call(x_weir_calls="stay")
    plane.say(call, headers(DUPLEX, HIDDEN), body())
    assert load(made.core) > 0
    plane.write(frames.reset(call, frames.CANCEL))
    assert load(made.core) == 0


def test_a_client_that_goes_while_its_reply_would_be_shown_takes_its_load_with_it() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    plane.write(frames.reset(call, frames.CANCEL))
    assert load(made.core) == 0


@pytest.mark.parametrize(("status", "left"), [(200, True), (500, False)])
def test_of_a_reply_only_the_headers_may_be_shown(status: int, left: bool) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(DUPLEX, HIDDEN), body(), reply_headers(status))
    plane.write(frames.reset(call, frames.CANCEL))
    assert (load(made.core) > 0) == left
    made.sweep(1e18)
    assert load(made.core) == 0
    assert made.core.metrics.series("m", "p").codes == {status: 1}


def test_a_body_that_streams_ahead_is_decided_whole_and_goes_on_as_it_is() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(STREAMED, HIDDEN, ahead=True), body(CHAT[:20], ends=False), body(CHAT[20:], ends=False))
    assert plane.heard(call) == []
    plane.say(call, body(b""))
    first, *rest = plane.heard(call)
    assert endpoint_of(first) == "10.0.0.1:8000,10.0.0.2:8000"
    assert set_headers(first.request_headers.response.header_mutation)["content-length"] == str(len(CHAT))
    assert rest == [pb.ProcessingResponse(request_body=pb.BodyResponse())] * 3


def test_a_body_that_streams_ahead_is_rewritten_in_its_last_piece() -> None:
    plane = Plane(endpoint(rewrites=(("alias", (("m", 1),)),))).greet()
    call, asked = plane.call(), CHAT.replace(b'"m"', b'"alias"')
    plane.say(call, headers(STREAMED, HIDDEN, ahead=True), body(asked[:20], ends=False), body(asked[20:]))
    first, cleared, last = plane.heard(call)
    told = set_headers(first.request_headers.response.header_mutation)
    assert (told["x-gateway-model-name-rewrite"], told["content-length"]) == ("m", str(len(CHAT)))
    assert cleared.request_body.response.body_mutation.clear_body
    assert json.loads(last.request_body.response.body_mutation.body) == json.loads(CHAT)


def test_a_reply_that_breaks_off_has_failed() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(), reply_headers())
    plane.write(frames.reset(call, frames.CANCEL))
    assert made.core.metrics.series("m", "p").codes == {499: 1}
    assert load(made.core) == 0


def calls_in_memory() -> int:
    return sum(isinstance(one, Call) for one in gc.get_objects())


ENDS: dict[str, Callable[[Plane, int, Endpoint], object]] = {
    "the data plane resets it": lambda plane, call, made: plane.write(frames.reset(call, frames.CANCEL)),
    "it is closed": lambda plane, call, made: plane.say(call, ends=True),
    "its deadline passes": lambda plane, call, made: made.sweep(1e18),
    "it sends what is no protobuf": lambda plane, call, made: plane.write(
        frames.frame(frames.DATA, 0, call, b"\0\0\0\0\x01\xff")
    ),
    "it sends more than its window": lambda plane, call, made: plane.write(
        frames.frame(frames.DATA, 0, call, b"\0\0\x10\0\0" + bytes(16000)) * 70
    ),
    "its connection is lost": lambda plane, call, made: plane.connection.connection_lost(None),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_call_that_is_over_is_freed_at_once_and_needs_no_collection(
    end: Callable[[Plane, int, Endpoint], object],
) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    gc.collect()
    gc.disable()
    try:
        before = calls_in_memory()
        call = plane.call()
        plane.say(call, headers(BUFFERED), body())
        assert calls_in_memory() == before + 1
        end(plane, call, made)
        assert calls_in_memory() == before
    finally:
        gc.enable()
