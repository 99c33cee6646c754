import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.gateway.body import BadRequest, Limits, parse
from router.order import Order
from tests.router.caller import chat

LIMITS = Limits(1000, 8)
CHAT, COMPLETION, OTHER = b"/v1/chat/completions", b"/v1/completions", b"/v1/embeddings"


def order(path: bytes = CHAT, body: bytes | None = None, **fields: Any) -> Order:
    return parse(path, chat(**fields) if body is None else body, "id", LIMITS)


def told(path: bytes, body: bytes) -> str | None:
    """What is said of a body that is refused; None where it is accepted."""
    try:
        found = order(path, body)
    except BadRequest as bad:
        return bad.message
    assert 0 <= found.max_tokens <= 1000
    return None


def completion(**fields: Any) -> Order:
    return order(COMPLETION, json.dumps({"model": "m", "prompt": "hi", **fields}).encode())


def refusal(path: bytes = CHAT, body: bytes | None = None, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as bad:
        order(path, body, **fields)
    return bad.value


def test_a_chat_is_read_for_what_routing_needs() -> None:
    found = order(stream=True, user="u", max_tokens=20)
    assert (found.id, found.model, found.stream, found.session, found.max_tokens) == ("id", "m", True, "u", 20)


def test_the_prompts_bytes_do_not_depend_on_what_stands_before_the_messages() -> None:
    one, other = order(), order(body=b'{"temperature": 1, ' + chat()[1:])
    assert one.text[one.start :] == other.text[other.start :]


def test_equal_beginnings_of_chats_are_equal_bytes() -> None:
    turns = [{"role": "user", "content": f"turn {i}"} for i in range(5)]
    one, other = order(messages=turns[:3]), order(messages=turns)
    same = json.dumps(turns[:3])[:-1].encode()
    assert same in one.text[one.start :]
    assert other.text[other.start :].startswith(one.text[one.start : one.start + len(same)])


@pytest.mark.parametrize(("fields", "bound"), [
    ({"max_tokens": 7}, 7), ({"max_tokens": None}, 0), ({"max_completion_tokens": 9}, 9), ({"max_tokens": 1000}, 1000),
])  # fmt: skip
def test_the_bound_on_the_answer_is_the_clients(fields: dict[str, Any], bound: int) -> None:
    assert order(**fields).max_tokens == bound


def test_a_completion_without_a_bound_has_the_apis_sixteen_tokens() -> None:
    assert completion().max_tokens == 16


@pytest.mark.parametrize(("prompt", "tokens"), [
    ([1, 2, 3], [1, 2, 3]), ([[4, 5]], [4, 5]), ([[1], [2]], None), ("text", None), (["a"], None), (["a", "b"], None),
])  # fmt: skip
def test_the_token_ids_of_one_prompt_are_taken_as_they_are(prompt: object, tokens: list[int] | None) -> None:
    assert completion(prompt=prompt).tokens == tokens


@pytest.mark.parametrize(("fields", "param"), [
    ({"model": None}, "model"), ({"model": 1}, "model"), ({"messages": []}, "messages"), ({"messages": 1}, "messages"),
    ({"max_tokens": 1001}, "max_tokens"), ({"max_tokens": 0}, "max_tokens"), ({"n": 9}, "n"), ({"n": 0}, "n"),
    ({"stream": 1}, "stream"), ({"user": 1}, "user"), ({"messages": [{"role": 1}]}, "messages"),
])  # fmt: skip
def test_a_refusal_names_the_field(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


def test_what_is_not_json_is_refused_in_a_sentence() -> None:
    bad = refusal(body=b"{")
    assert bad.message.startswith("The body is not valid JSON")
    assert not bad.param


def test_another_path_needs_a_model_and_may_stream() -> None:
    found = order(OTHER, b'{"model":"e","stream":true,"input":[1]}')
    assert (found.model, found.stream, found.max_tokens) == ("e", True, 0)
    assert refusal(OTHER, b'{"input":"a"}').param == "model"


@given(st.binary(max_size=60), st.sampled_from((CHAT, COMPLETION, OTHER)))
def test_any_bytes_are_an_order_or_are_refused(body: bytes, path: bytes) -> None:
    assert (told(path, body) or ".").endswith(".")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("role", "content", "type", "text")), inner)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    ("model", "messages", "prompt", "stream", "max_tokens", "n", "user", "tools", "max_completion_tokens")
)


@given(st.dictionaries(names, json_values, max_size=5), st.sampled_from((CHAT, COMPLETION)))
def test_any_json_is_an_order_or_is_refused(fields: dict[str, Any], path: bytes) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "u", "content": "x"}], "prompt": "p", **fields}).encode()
    assert (told(path, body) or ".").endswith(".")


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/completions"])
def test_a_sessions_name_in_a_body_is_cut_as_one_in_a_header_is(path: bytes) -> None:
    asked = {"model": "m", "prompt": "hi", "messages": [{"role": "user", "content": "hi"}], "user": "u" * 1_000_000}
    assert parse(path, json.dumps(asked).encode(), "id", Limits(1 << 20, 128)).session == "u" * 256
