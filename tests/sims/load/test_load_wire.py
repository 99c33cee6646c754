"""What goes out is exact HTTP; what comes in is understood however it is cut and whoever sends it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.load.answer import Answer
from sims.load.prompts import Prompts
from sims.load.target import BadUrl, Composer, Target
from tests.sims.load.wire import ROLE, TOKEN, body, event, usage

STREAM = event(ROLE) + event(TOKEN) * 3 + usage(10, 3, 4) + b"data: [DONE]\n\n"


def compose(url: str = "http://h:81", api_key: str = "", **fields: str) -> bytes:
    composer = Composer(head=Target.of(url, api_key).head(), model="m", prompts=Prompts())
    return composer.compose(Arrival(at=0.0, prompt_tokens=5, output_tokens=7, **fields), 0, "run-0")  # type: ignore[arg-type]


def headers(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def fed(*pieces: bytes) -> Answer:
    answer = Answer()
    for when, piece in enumerate(pieces):
        answer.feed(piece, float(when))
    return answer


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://h:81", "h", 81, "/v1/chat/completions"),
        ("http://h", "h", 80, "/v1/chat/completions"),
        ("https://h/v1", "h", 443, "/v1/chat/completions"),
        ("http://h:81/llm/v1/", "h", 81, "/llm/v1/chat/completions"),
        ("http://[::1]:81", "::1", 81, "/v1/chat/completions"),
    ],
)
def test_an_address_may_have_a_port_and_a_prefix(url: str, host: str, port: int, path: str) -> None:
    target = Target.of(url)
    assert (target.host, target.port, target.path, target.tls) == (host, port, path, url.startswith("https"))


@pytest.mark.parametrize("url", ["h:81", "ftp://h", "http://", "http://h:port", "", "http://h:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadUrl, match="is no address"):
        Target.of(url)


def test_only_https_is_secured() -> None:
    assert Target.of("http://h").context() is None
    assert Target.of("https://h").context() is not None


def test_a_request_is_one_post_of_known_length() -> None:
    request = compose()
    lines = headers(request)
    assert lines[:2] == ["POST /v1/chat/completions HTTP/1.1", "Host: h:81"]
    assert f"Content-Length: {len(request.partition(bytes((13, 10, 13, 10)))[2])}" in lines
    assert "X-Request-Id: run-0" in lines


def test_the_body_is_json_with_the_recorded_lengths() -> None:
    asked = body(compose())
    assert (asked["model"], asked["max_tokens"], asked["ignore_eos"], asked["stream"]) == ("m", 7, True, True)
    assert len(asked["messages"][0]["content"]) == 4 * 5


def test_an_arrivals_own_model_and_words_are_sent() -> None:
    asked = body(compose(model='a"b', text='say "hi"\n'))
    assert asked["model"] == 'a"b'
    assert asked["messages"] == [{"role": "user", "content": 'say "hi"\n'}]


def test_a_session_is_a_header_that_cannot_break_out() -> None:
    assert "X-Weir-Session: s-1" in headers(compose(session="s-1"))
    assert "X-Weir-Session: a%0D%0AEvil%3A%201" in headers(compose(session="a\r\nEvil: 1"))
    assert not any(line.startswith("X-Weir-Session") for line in headers(compose()))


def test_a_key_is_sent_when_there_is_one() -> None:
    assert "Authorization: Bearer secret" in headers(compose(api_key="secret"))
    assert not any(line.startswith("Authorization") for line in headers(compose()))


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert "Host: [::1]:81" in headers(compose("http://[::1]:81"))


def test_a_stream_in_one_piece_is_understood() -> None:
    answer = fed(STREAM)
    assert (answer.first, answer.finished, answer.usage()) == (0.0, True, (10, 3, 4))


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12))
def test_a_stream_is_understood_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    answer = fed(*(STREAM[a:b] for a, b in pairwise(edges)))
    assert answer.first is not None
    assert (answer.finished, answer.usage(), answer.error) == (True, (10, 3, 4), "")


def test_the_first_token_is_timed_when_it_comes_and_the_last_when_it_comes() -> None:
    answer = fed(event(ROLE), event(TOKEN), event(TOKEN), usage(1, 2), b"data: [DONE]\n\n")
    assert (answer.first, answer.last, answer.events) == (1.0, 2.0, 2)


@pytest.mark.parametrize(
    "value",
    [
        {"choices": [{"delta": {"content": ""}}]},
        {"choices": [{"delta": {"role": "assistant", "content": "x"}}]},
        {"choices": [{"delta": {"role": "assistant", "reasoning_content": "x"}}]},
        {"choices": [{"delta": {"tool_calls": [{}]}}]},
        {"choices": [{"text": "x"}]},
    ],
)
def test_what_counts_as_a_token(value: dict[str, object]) -> None:
    assert fed(event(value)).first == 0.0


@pytest.mark.parametrize(
    "value",
    [ROLE, {"choices": []}, {"choices": [3]}, {"choices": None}, {"choices": [{"delta": {"role": "assistant"}}]}],
)
def test_what_does_not_count_as_a_token(value: dict[str, object]) -> None:
    assert fed(event(value)).first is None


def test_lines_may_end_as_on_windows() -> None:
    answer = fed(STREAM.replace(b"\n", b"\r\n"))
    assert (answer.first, answer.finished, answer.usage()) == (0.0, True, (10, 3, 4))


def test_a_comment_is_no_event() -> None:
    assert fed(b": keep alive\n\n", event(TOKEN)).first == 1.0


def test_without_usage_tokens_are_counted_by_events() -> None:
    assert fed(event(TOKEN), event(TOKEN) + event(TOKEN)).usage() == (0, 3, -1)


def test_the_last_of_running_usages_counts() -> None:
    running = {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    assert fed(event(TOKEN), event(running), usage(9, 5)).usage() == (9, 5, -1)


def test_a_usage_that_makes_no_sense_is_not_believed() -> None:
    assert fed(event({"usage": {"prompt_tokens": "many", "prompt_tokens_details": 3}})).usage() == (0, 0, -1)


def test_words_about_errors_are_no_error() -> None:
    assert fed(event({"choices": [{"delta": {"content": 'the "error" is {"error": 1}'}}]})).error == ""


@pytest.mark.parametrize("error", [{"message": "died"}, "died"])
def test_an_error_event_is_an_error(error: object) -> None:
    assert fed(event({"error": error})).error == "died"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b'{"error": {"message": "full"}}', "full"),
        (b'{"error": "full"}', "full"),
        (b'{"detail": "Not Found"}', '{"detail": "Not Found"}'),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", "no reason given"),
    ],
)
def test_a_refusal_is_quoted(reply: bytes, said: str) -> None:
    assert fed(reply).refusal() == said
