"""One request as the data plane shows it, from its headers to its end."""

import json
from typing import Any

import pytest

from router.extproc import frames
from router.extproc.endpoint import Endpoint
from router.refusals import TABLE
from router.settings import Settings
from tests.router.extproc.plane import (
    BUFFERED,
    CHAT,
    DUPLEX,
    STREAMED,
    Plane,
    body,
    endpoint,
    endpoint_of,
    headers,
    load,
    reply_body,
    reply_headers,
    set_headers,
)  # fmt: skip
from tests.router.routers import core_of, described
from weir.v1 import ext_proc_pb2 as pb

USAGE = b'{"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":5}}'


def test_a_streamed_body_comes_back_with_the_endpoint_before_it() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(), body(CHAT[:20], ends=False))
    assert plane.heard(call) == []
    plane.say(call, body(CHAT[20:], ends=False), body(b""))
    first, second = plane.heard(call)
    assert endpoint_of(first) == "10.0.0.1:8000,10.0.0.2:8000"
    streamed = second.request_body.response.body_mutation.streamed_response
    assert (streamed.body, streamed.end_of_stream) == (CHAT, True)


def test_a_long_body_comes_back_in_pieces_that_end_once() -> None:
    plane = Plane(endpoint()).greet(window=1 << 22)
    call = plane.call()
    long = CHAT.replace(b"hello", b"x" * 15_000)
    plane.say(call, headers(), body(long))
    pieces = [one.request_body.response.body_mutation.streamed_response for one in plane.heard(call)[1:]]
    assert b"".join(one.body for one in pieces) == long
    assert [one.end_of_stream for one in pieces] == [False] * (len(pieces) - 1) + [True]


def test_a_buffered_body_is_answered_after_its_headers_were_let_go() -> None:
    plane = Plane(endpoint(ext_proc_replies=0.0)).greet()
    call = plane.call()
    plane.say(call, headers(BUFFERED))
    (first,) = plane.heard(call)
    assert first == pb.ProcessingResponse(request_headers=pb.HeadersResponse())
    plane.say(call, body())
    (second,) = plane.heard(call)
    assert endpoint_of(second) == "10.0.0.1:8000,10.0.0.2:8000"
    assert not second.request_body.response.HasField("body_mutation")


def test_a_share_of_buffered_requests_has_its_reply_shown() -> None:
    plane = Plane(endpoint(ext_proc_replies=0.5)).greet(window=1 << 20)
    shown = 0
    for i in range(100):
        call = plane.call()
        plane.say(call, headers(BUFFERED, x_request_id=f"r-{i}"))
        (answer,) = plane.heard(call)
        if answer.HasField("mode_override"):
            assert answer.mode_override.request_body_mode == BUFFERED
            assert answer.mode_override.response_body_mode == STREAMED
            assert answer.mode_override.response_header_mode == pb.ProcessingMode.SEND
            shown += 1
        plane.write(frames.reset(call, frames.CANCEL))
    assert 30 < shown < 70


def test_usage_is_read_from_the_reply_and_no_load_is_left() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    assert load(made.core) > 0
    plane.say(call, reply_headers(), reply_body(USAGE, ends=False), reply_body(b""), ends=True)
    answers = plane.heard(call)
    assert set_headers(answers[2].response_headers.response.header_mutation) == {"x-weir-replica": "r0"}
    pieces = [one.response_body.response.body_mutation.streamed_response for one in answers[3:]]
    assert [(one.body, one.end_of_stream) for one in pieces] == [(USAGE, False), (b"", True)]
    assert load(made.core) == 0
    series = made.core.metrics.series("m", "p")
    assert (series.prompt_tokens, series.output_tokens, series.codes) == (40, 5, {200: 1})
    assert plane.status(call) == "0"


def test_the_first_token_of_a_stream_is_seen_in_its_first_piece() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(CHAT.replace(b'"m",', b'"m","stream":true,')))
    plane.say(call, reply_headers(), reply_body(b"data: {}\n\n", ends=False))
    assert sum(made.core.metrics.series("m", "p").ttft.counts) == 1
    plane.say(call, reply_body(b"data: " + USAGE + b"\n\n", ends=False), reply_body(b"data: [DONE]\n\n"), ends=True)
    assert made.core.metrics.series("m", "p").output_tokens == 5
    assert load(made.core) == 0


def test_the_endpoint_that_served_in_the_end_is_the_one_counted() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(), reply_headers(served="10.0.0.2:8000"))
    assert made.core.metrics.retries == {"data plane": 1}
    assert float(made.core.fleet.columns.running[1]) == 1.0
    assert float(made.core.fleet.columns.ready[0]) == 0.0
    plane.say(call, reply_body(USAGE), ends=True)
    assert load(made.core) == 0


def test_only_the_endpoints_that_the_data_plane_allows_are_chosen() -> None:
    plane = Plane(endpoint(4)).greet()
    for _ in range(3):
        call = plane.call()
        plane.say(call, headers(subset="10.0.0.3:8000, 10.0.0.4:8000"), body())
        assert set(endpoint_of(plane.heard(call)[0]).split(",")) == {"10.0.0.3:8000", "10.0.0.4:8000"}


def test_a_subset_of_which_nobody_is_here_is_refused() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(subset="10.9.9.9:8000"), body())
    (answer,) = plane.heard(call)
    assert answer.immediate_response.status.code == 503
    assert answer.immediate_response.details == "no-replica"


def test_a_data_plane_that_takes_one_endpoint_is_told_one() -> None:
    plane = Plane(endpoint(ext_proc_fallbacks=0)).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    assert endpoint_of(plane.heard(call)[0]) == "10.0.0.1:8000"


def test_a_rewritten_model_is_asked_for_in_the_body_that_goes_on() -> None:
    made = endpoint(rewrites=(("alias", (("m", 1),)),))
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(CHAT.replace(b'"m"', b'"alias"')))
    first, second = plane.heard(call)
    told = set_headers(first.request_headers.response.header_mutation)
    sent = second.request_body.response.body_mutation.streamed_response.body
    assert told["x-gateway-model-name-rewrite"] == "m"
    assert told["content-length"] == str(len(sent))
    assert json.loads(sent) == json.loads(CHAT)


def test_a_rewritten_buffered_body_is_replaced() -> None:
    made = endpoint(rewrites=(("*", (("m", 1),)),))
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(BUFFERED), body(CHAT.replace(b'"m"', b'"whatever"')))
    answer = plane.heard(call)[-1]
    assert json.loads(answer.request_body.response.body_mutation.body)["model"] == "m"


def test_a_request_that_may_be_shed_is_refused_where_it_would_come_late() -> None:
    made = endpoint(objectives=(("batch", -1), ("chat", 1)), ttft_slo_s=1e-9)
    plane = Plane(made).greet()
    call, other = plane.call(), plane.call()
    plane.say(call, headers(x_gateway_inference_objective="batch"), body())
    plane.say(other, headers(x_gateway_inference_objective="chat"), body())
    (answer,) = plane.heard(call)
    assert answer.immediate_response.status.code == 429
    assert set_headers(answer.immediate_response.headers)["x-weir-refused"] == "saturated"
    assert len(plane.heard(other)) == 2


def test_what_matters_more_leaves_the_queue_first() -> None:
    made = endpoint(1, objectives=(("chat", 5),))
    made.core.view.set_ready(0, False)
    plane = Plane(made).greet()
    calls = [plane.call(), plane.call()]
    plane.say(calls[0], headers(), body())
    plane.say(calls[1], headers(x_gateway_inference_objective="chat"), body())
    assert made.core.metrics.held == 2
    made.core.view.set_ready(0, True)
    made.release()
    plane._take()
    answered = [one.stream for one in plane.of(frames.DATA)]
    assert answered[0] == calls[1]
    assert made.core.metrics.held == 0


def test_of_too_many_that_wait_the_next_is_refused() -> None:
    made = endpoint(1, most_held=1)
    made.core.view.set_ready(0, False)
    plane = Plane(made).greet()
    calls = [plane.call(), plane.call()]
    for call in calls:
        plane.say(call, headers(), body())
    (answer,) = plane.heard(calls[1])
    assert answer.immediate_response.status.code == 503
    assert (plane.heard(calls[0]), made.core.metrics.held) == ([], 1)
    made.give_up(next(iter(made.calls)).held_since + made.settings.hold_s + 1.0)
    (answer,) = plane.heard(calls[0])
    assert (answer.immediate_response.status.code, made.core.metrics.held) == (503, 0)


@pytest.mark.parametrize(("sent", "status", "reason"), [
    (b'{"model":"nobody","messages":[{"role":"user","content":"hi"}]}', 404, "unknown-model"),
    (b'{"model":"m","messages":[]}', 400, "bad-request"),
    (b"not json", 400, "bad-request"),
])  # fmt: skip
def test_what_cannot_be_served_is_refused_in_the_gateways_words(sent: bytes, status: int, reason: str) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(sent))
    (answer,) = plane.heard(call)
    told = answer.immediate_response
    assert (told.status.code, told.details) == (status, reason)
    assert json.loads(told.body)["error"]["message"]
    assert set_headers(told.headers)["content-type"] == "application/json"
    assert load(made.core) == 0
    assert sum(made.core.metrics.refusals.values()) == 1


def test_a_clients_own_hand_over_is_refused_counted_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    made = endpoint()
    plane = Plane(made).greet()
    for _ in range(2):
        call = plane.call()
        plane.say(call, headers(), body(CHAT[:-1] + b',"kv_transfer_params":{}}'))
        (answer,) = plane.heard(call)
        assert (answer.immediate_response.status.code, answer.immediate_response.details) == (400, "bad-request")
    assert made.core.metrics.refusals == {"foreign-kv": 2}
    told = [said for said in caplog.messages if "own hand-over" in said]
    caplog.clear()
    assert told == ["a client's own hand-over is refused: `kv_transfer_params` is for the router to set; leave it out."]


def test_nobody_ready_is_a_503_once_it_was_waited_for() -> None:
    made = endpoint(1, hold_s=0.0)
    made.core.view.set_ready(0, False)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body())
    assert plane.heard(call) == []
    made.release()
    (answer,) = plane.heard(call)
    assert answer.immediate_response.status.code == 503 == next(iter(TABLE.values())).status
    assert set_headers(answer.immediate_response.headers)["retry-after"] == "1"


def test_a_body_beyond_the_limit_is_refused_before_it_is_whole() -> None:
    plane = Plane(endpoint(max_body_bytes=1000)).greet()
    call = plane.call()
    plane.say(call, headers(), body(b"x" * 600, ends=False), body(b"x" * 600, ends=False))
    (answer,) = plane.heard(call)
    assert answer.immediate_response.status.code == 413
    plane.say(call, body(b"x" * 600), ends=True)
    assert plane.heard(call) == []


def test_a_body_that_never_ends_is_given_up() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(CHAT, ends=False))
    made.sweep(next(iter(made.calls)).since + made.settings.body_timeout_s + 1.0)
    (answer,) = plane.heard(call)
    assert answer.immediate_response.status.code == 408


def test_a_reply_beyond_the_deadline_is_broken_off() -> None:
    made = endpoint()
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(), reply_headers())
    made.sweep(next(iter(made.calls)).since + made.settings.deadline_s + 1.0)
    plane._take()
    assert [one.stream for one in plane.of(frames.RST_STREAM)] == [call]
    assert made.core.metrics.series("m", "p").codes == {504: 1}
    assert load(made.core) == 0
    assert not made.calls


def pseudo(method: str, path: str) -> dict[str, Any]:
    return {":method": method, ":path": path}


def test_the_models_are_listed_and_other_paths_are_not_found() -> None:
    plane = Plane(endpoint()).greet()
    listed, lost, wrong = plane.call(), plane.call(), plane.call()
    plane.say(listed, headers(ends=True, **pseudo("GET", "/v1/models?x=1")))
    plane.say(lost, headers(ends=True, **pseudo("GET", "/metrics")))
    plane.say(wrong, headers(ends=True, **pseudo("GET", "/v1/chat/completions")))
    (models,), (missing,), (method,) = plane.heard(listed), plane.heard(lost), plane.heard(wrong)
    assert json.loads(models.immediate_response.body)["data"][0]["id"] == "m"
    assert missing.immediate_response.status.code == 404
    assert method.immediate_response.status.code == 405


def test_headers_alone_are_placed_by_the_only_model() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(pb.ProcessingMode.NONE))
    (answer,) = plane.heard(call)
    assert endpoint_of(answer) == "10.0.0.1:8000,10.0.0.2:8000"


def test_pieces_of_a_body_that_is_not_held_go_on_as_they_are() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(STREAMED), body(CHAT[:9], ends=False), body(CHAT[9:]))
    first, *rest = plane.heard(call)
    assert endpoint_of(first)
    assert rest == [pb.ProcessingResponse(request_body=pb.BodyResponse())] * 2


def test_a_body_without_headers_is_decided_too() -> None:
    plane = Plane(endpoint()).greet()
    call, sent = plane.call(), body()
    sent.protocol_config.request_body_mode = BUFFERED
    plane.say(call, sent)
    (answer,) = plane.heard(call)
    assert set(endpoint_of(answer).split(",")) == {"10.0.0.1:8000", "10.0.0.2:8000"}


def test_trailers_end_a_body_as_well() -> None:
    plane = Plane(endpoint()).greet()
    call = plane.call()
    plane.say(call, headers(), body(ends=False), pb.ProcessingRequest(request_trailers=pb.HttpTrailers()))
    first, second, third = plane.heard(call)
    assert endpoint_of(first)
    assert not second.request_body.response.body_mutation.streamed_response.end_of_stream
    assert third.HasField("request_trailers")


def test_an_observer_is_not_answered() -> None:
    plane = Plane(endpoint()).greet()
    call, sent = plane.call(), headers()
    sent.observability_mode = True
    plane.say(call, sent)
    assert plane.heard(call) == []


def test_a_prefill_replica_is_named_to_the_sidecar_of_the_one_that_decodes() -> None:
    ours = Settings(policy="shortest_ttft", tokens="estimate", ext_proc="127.0.0.1:1")
    told = [
        described("p", "10.0.0.1:8000", role="prefill", pool="a"),
        described("d", "10.0.0.2:8000", role="decode", pool="b"),
    ]
    made = Endpoint(core_of(ours, *told), ours)
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(), body(CHAT.replace(b"hello", b"word " * 2000)))
    told_headers = set_headers(plane.heard(call)[0].request_headers.response.header_mutation)
    assert told_headers["x-gateway-destination-endpoint"] == "10.0.0.2:8000"
    assert told_headers["x-prefiller-host-port"] == "10.0.0.1:8000"


def test_a_draining_router_takes_no_new_request() -> None:
    made = endpoint()
    made.draining = True
    plane = Plane(made).greet()
    call = plane.call()
    plane.say(call, headers(DUPLEX), body())
    (answer,) = plane.heard(call)
    assert answer.immediate_response.details == "draining"
