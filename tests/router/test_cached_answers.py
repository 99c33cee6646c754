"""What of a request is its question, which replies are kept, and how they come out again."""

import json
from typing import Any

import numpy as np
import pytest

from policies.semantic_cache import CacheRules, Rule, SemanticCache
from router.auto.replaying import events as streamed
from router.semantic_cache import Answers, Question, Reply, heard, question

VECTOR = np.array([1.0, 0.0], np.float32)
CHAT: dict[str, Any] = {
    "model": "auto",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "why is the sky blue"}],
}
SAID = "Because short waves scatter more than long ones."
WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
}  # fmt: skip


def read(tenant: str = "acme", **changed: Any) -> Question | None:
    return question(json.dumps(CHAT | changed).encode(), tenant, "faq")


def sure(tenant: str = "acme", **changed: Any) -> Question:
    found = read(tenant, **changed)
    assert found is not None
    return found


def whole(**changed: Any) -> Reply:
    return Reply().whole(json.dumps(WHOLE | changed).encode())


def answers() -> Answers:
    return Answers(SemanticCache(CacheRules(default=Rule())))


def again(known: Answers, asked: Question, now: float = 2.0) -> dict[str, Any]:
    given = known.look_up(asked, VECTOR, "r2", now)
    assert given is not None
    return given.answer


def events(answer: dict[str, Any], *, usage: bool = False) -> list[dict[str, Any]]:
    pieces = list(streamed(answer, usage=usage))
    assert pieces[-1] == b"data: [DONE]\n\n"
    return [json.loads(piece.removeprefix(b"data: ")) for piece in pieces[:-1]]


def test_a_reply_comes_again_as_a_whole() -> None:
    known = answers()
    assert known.look_up(sure(), VECTOR, "r1", 1.0) is None
    assert known.keep(sure(), VECTOR, whole(), 1.0)
    told = again(known, sure())
    assert (told["id"], told["created"], told["model"]) == ("chatcmpl-r2", 2, "small")
    assert told["choices"][0]["message"]["content"] == SAID
    assert told["usage"] == WHOLE["usage"] | {"cached": True}


def test_a_reply_comes_again_as_a_stream_to_whoever_asks_for_one() -> None:
    known = answers()
    known.keep(sure(), VECTOR, whole(), 1.0)
    told = events(again(known, sure(stream=True)))
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in told) == SAID
    assert told[-1]["choices"][0]["finish_reason"] == "stop"
    assert {each["object"] for each in told} == {"chat.completion.chunk"}
    assert len(told) > 3


def test_a_stream_ends_with_its_usage_where_it_was_asked_for() -> None:
    known = answers()
    known.keep(sure(), VECTOR, whole(), 1.0)
    asked = sure(stream=True, stream_options={"include_usage": True})
    told = events(again(known, asked), usage=asked.usage)
    assert told[-1]["usage"] == WHOLE["usage"] | {"cached": True}
    assert told[-1]["choices"] == []


def test_a_streamed_reply_is_kept_and_given_as_a_whole() -> None:
    known = answers()
    known.keep(sure(), VECTOR, whole(), 1.0)
    reply = heard(b"".join(streamed(again(known, sure(stream=True)), usage=True)))
    other = answers()
    assert other.keep(sure(), VECTOR, reply, 3.0)
    assert again(other, sure(), 4.0)["choices"][0]["message"]["content"] == SAID


def test_another_tenant_never_gets_it() -> None:
    known = answers()
    known.keep(sure(), VECTOR, whole(), 1.0)
    assert known.look_up(sure("other"), VECTOR, "r2", 2.0) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": [{"role": "system", "content": "be long"}, CHAT["messages"][1]]},
        {"max_tokens": 5}, {"model": "large"}, {"response_format": {"type": "json_object"}}, {"temperature": 0.5},
    ],
)  # fmt: skip
def test_whatever_changes_an_answer_changes_its_partition(changed: dict[str, Any]) -> None:
    assert sure(**changed).partition != sure().partition


@pytest.mark.parametrize("changed", [{"stream": True}, {"user": "me"}, {"metadata": {"a": "b"}}])
def test_what_does_not_change_an_answer_leaves_its_partition(changed: dict[str, Any]) -> None:
    assert sure(**changed).partition == sure().partition


@pytest.mark.parametrize(
    "changed",
    [
        {"tools": [{"type": "function"}]}, {"functions": [{}]}, {"n": 2}, {"logprobs": True}, {"temperature": 2.0},
        {"temperature": "hot"}, {"messages": []}, {"messages": "x"}, {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [*CHAT["messages"], {"role": "tool", "content": "x"}]},
        {"messages": [*CHAT["messages"], {"role": "assistant", "content": "x", "tool_calls": [{}]}]},
        {"messages": [*CHAT["messages"], {"role": "user", "content": "and why"}]},
    ],
)  # fmt: skip
def test_requests_with_tools_images_or_a_past_are_no_questions(changed: dict[str, Any]) -> None:
    assert read(**changed) is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_a_body_that_is_none_is_no_question(body: bytes) -> None:
    assert question(body, "acme", "faq") is None


def test_without_a_tenant_nothing_is_a_question() -> None:
    assert read("") is None


def choice(**changed: Any) -> list[dict[str, Any]]:
    return [WHOLE["choices"][0] | changed]


@pytest.mark.parametrize(
    "changed",
    [
        {"choices": choice(finish_reason="length")}, {"choices": choice(finish_reason="tool_calls")}, {"choices": []},
        {"choices": choice(message={"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]})},
        {"choices": choice(message={"role": "assistant", "content": None, "refusal": "no"})},
        {"choices": choice(message={"role": "assistant", "content": ""})},
        {"choices": choice() * 2}, {"choices": None}, {"choices": choice(message=None)},
    ],
)  # fmt: skip
def test_replies_that_were_cut_call_tools_refuse_or_make_no_sense_are_not_kept(changed: dict[str, Any]) -> None:
    assert not answers().keep(sure(), VECTOR, whole(**changed), 1.0)


def test_a_stream_that_broke_off_is_not_kept() -> None:
    part = {"choices": [{"index": 0, "delta": {"content": "Bec"}, "finish_reason": None}]}
    assert Reply().event(json.dumps(part).encode()).answer() is None
    assert Reply().event(b"{broken").answer() is None
    assert Reply().whole(b"not json").answer() is None
    assert heard(b"data: " + json.dumps(part).encode() + b"\n\n").answer() is None
