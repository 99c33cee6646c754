"""Tool calls that a role may not make, cut out of whole replies and of streams, however these are cut."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policies.sessions.tool_rights import Rights
from router.auto.guarded_tools import LAST, Events, Stream, whole
from router.auto.replaying import ENDING, chunked, event

RIGHTS = Rights(roles={"guest": ("read_*",)})


def delta(*calls: dict[str, Any], ended: str | None = None, **more: Any) -> bytes:
    told = {**({"tool_calls": list(calls)} if calls else {}), **more}
    return event({"id": "c", "choices": [{"index": 0, "delta": told, "finish_reason": ended}]})


def piece(index: int, **function: str) -> dict[str, Any]:
    return {"index": index, "id": f"c{index}", "function": function}


STREAM = [
    delta(role="assistant", content=""), delta(content="Let me see."),
    delta(piece(0, name="r")), delta(piece(0, name="m")), delta(piece(0, arguments='{"path": ')),
    delta(piece(0, arguments='"secret"}')),
    delta(piece(1, name="read_mail", arguments="{"), piece(1, arguments="}")),
    delta(piece(2, name="read_")), delta(piece(2, name="news")),
    delta(ended="tool_calls"), event({"choices": [], "usage": {}}), ENDING,
]  # fmt: skip
WIRE = b"".join(chunked(STREAM)) + LAST


def passed(wire: bytes, cuts: list[int], role: str = "guest") -> tuple[list[Any], Stream]:
    stream, out = Stream(RIGHTS, role), b""
    edges = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        out += stream.feed(wire[start:end])
    told = [one for one in Events().feed(out) if one != ENDING]
    assert out.endswith(LAST)
    return [json.loads(one[6:]) for one in told], stream


def calls_in(told: list[Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    for one in told:
        for choice in one["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                found[call["index"]] = found.get(call["index"], "") + call["function"].get("name", "")
    return found


@given(st.lists(st.integers(0, len(WIRE)), max_size=30))
def test_however_a_stream_is_cut_the_same_comes_out_and_nothing_denied(cuts: list[int]) -> None:
    told, stream = passed(WIRE, cuts)
    assert calls_in(told) == {0: "read_mail", 1: "read_news"}
    assert b"secret" not in json.dumps(told).encode()
    assert told == passed(WIRE, [])[0]
    assert stream.denied == 1


def test_what_is_no_call_passes_as_it_was() -> None:
    told, _ = passed(WIRE, [])
    said = [choice["delta"].get("content") for one in told for choice in one["choices"]]
    assert "Let me see." in said
    assert told[-1]["usage"] == {}
    assert [c["finish_reason"] for one in told for c in one["choices"] if c["finish_reason"]] == ["tool_calls"]


def test_an_answer_without_a_call_that_may_pass_ends_as_if_it_had_none() -> None:
    told, stream = passed(WIRE, [], role="nobody")
    assert calls_in(told) == {}
    assert [c["finish_reason"] for one in told for c in one["choices"] if c["finish_reason"]] == ["stop"]
    assert stream.denied == 3


def test_the_old_form_of_calls_is_ruled_on_too() -> None:
    wire = b"".join(chunked([
        delta(function_call={"name": "rm"}), delta(function_call={"arguments": "secret"}), delta(ended="function_call"),
    ])) + LAST  # fmt: skip
    told, stream = passed(wire, [])
    assert (b"secret" in json.dumps(told).encode(), stream.denied) == (False, 1)
    events = [delta(function_call={"name": "read_a"}), delta(function_call={"arguments": "x"})]
    told, _ = passed(b"".join(chunked(events)) + LAST, [])
    assert told[-1]["choices"][0]["delta"]["function_call"]["arguments"] == "x"


def test_what_cannot_be_read_does_not_pass() -> None:
    wire = b"".join(chunked([b"data: {broken rm secret\n\n", delta(content="a")])) + LAST
    told, _ = passed(wire, [])
    assert len(told) == 1


def completion(*names: str, **message: Any) -> dict[str, Any]:
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in names]
    said = {"role": "assistant", "content": None, "tool_calls": calls, **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}


def test_a_whole_reply_keeps_the_calls_that_are_allowed() -> None:
    kept, denied = whole(completion("rm", "read_a"), RIGHTS, "guest")
    (choice,) = kept["choices"]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["read_a"]
    assert (choice["finish_reason"], denied) == ("tool_calls", 1)


def test_a_whole_reply_without_any_call_left_ended_by_itself() -> None:
    kept, denied = whole(completion("rm", function_call={"name": "rm"}), RIGHTS, "guest")
    (choice,) = kept["choices"]
    assert ("tool_calls" in choice["message"], "function_call" in choice["message"]) == (False, False)
    assert (choice["finish_reason"], denied) == ("stop", 2)


def test_a_reply_of_words_is_as_it_was() -> None:
    told = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    assert whole(told, RIGHTS, "guest") == (told, 0)
    assert whole({"choices": [{"index": 0}]}, RIGHTS, "guest")[1] == 0
