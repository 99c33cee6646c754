"""Bodies with less of their past, and tools as they are placed and learned."""

import json
from typing import Any

import numpy as np
import pytest

from policies.sessions.memory_tier import Shaping, Tier
from policies.signals.facts import Facts, Message
from policies.signals.port import Embedding
from router.auto.memory_bodies import recalls, shortened, tools_of, turn_tokens, with_tools
from router.auto.tool_shelf import MOST_TENANTS, ToolShelf

SHAPING = Shaping(recent_turns=1, summary=0.2, retrieved_tokens=40.0)
LONG = " ".join(f"Matter {i} was settled by the committee in town {i}." for i in range(50))
MESSAGES = [
    {"role": "system", "content": "Be kind."}, {"role": "user", "content": LONG},
    {"role": "assistant", "content": "Noted. " * 50}, {"role": "user", "content": "what of matter 17 in the committee"},
]  # fmt: skip


def body(**more: Any) -> bytes:
    return json.dumps({"model": "auto", "temperature": 0.5, "messages": MESSAGES, **more}).encode()


def said(short: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(short)["messages"]
    return found


def test_turns_begin_with_a_users_message() -> None:
    first, second = turn_tokens(body())
    assert first > 20 * second > 0


def test_a_summary_says_the_past_in_short_and_the_last_turn_as_it_was() -> None:
    opening, past, last = said(shortened(body(), Tier.SUMMARY, SHAPING))
    assert (opening, last) == (MESSAGES[0], MESSAGES[-1])
    assert past["role"] == "system"
    assert "user: Matter 0 " in past["content"]
    assert "assistant: Noted." in past["content"]
    assert len(past["content"]) < 0.3 * len(LONG + "Noted. " * 50)


def test_retrieval_says_what_shares_words_with_the_question() -> None:
    _, past, last = said(shortened(body(), Tier.RETRIEVAL, SHAPING))
    assert last == MESSAGES[-1]
    assert "Matter 4" in past["content"]
    assert "Noted" not in past["content"]
    assert len(past["content"]) < 300


def test_what_fits_or_has_no_past_is_untouched() -> None:
    assert shortened(body(), Tier.FULL, SHAPING) == body()
    assert shortened(body(), Tier.SUMMARY, Shaping(recent_turns=2)) == body()
    for odd in (b"", b"[]", b'{"messages": 3}', b'{"messages": [1, null]}'):
        assert shortened(odd, Tier.SUMMARY, SHAPING) == odd


def test_a_tools_answer_stays_with_its_call() -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "read"}}]}
    newer = [{"role": "user", "content": "read it"}, call, {"role": "tool", "tool_call_id": "1", "content": "ok"}]
    found = said(shortened(body(messages=[*MESSAGES, *newer]), Tier.SUMMARY, SHAPING))
    assert found[-3:] == newer


@pytest.mark.parametrize(
    ("question", "found"), [("What did you say before?", True), ("what is two and two", False), ("Remind me", True)]
)
def test_a_question_for_something_said_long_ago_is_known_by_its_words(question: str, found: bool) -> None:
    assert recalls(question) is found


TOOLS = [{"type": "function", "function": {"name": "a", "description": "Adds."}}, {"name": "b"}, {"function": 3}, 7]


def test_tools_are_named_and_described_and_only_those_asked_for_stay() -> None:
    assert tools_of(body(tools=TOOLS)) == {"a": "a: Adds.", "b": "b: "}
    assert json.loads(with_tools(body(tools=TOOLS), {"b"}))["tools"] == [{"name": "b"}]
    assert json.loads(with_tools(body(tools=TOOLS), set()))["tools"] is None
    assert with_tools(body(), {"a"}) == body()


class Placed:
    """Embeds by the first letter, and counts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str, then: Any) -> None:
        self.texts.append(text)
        then(vector(text[0]))


def vector(letter: str) -> Embedding:
    found = np.zeros(26, np.float32)
    found[ord(letter) - 97] = 1.0
    return found


def test_a_tool_is_embedded_once_and_again_when_it_says_something_else() -> None:
    shelf, placed = ToolShelf(), Placed()
    for described in ({"a": "adds"}, {"a": "adds"}, {"a": "subtracts"}):
        shelf.place("t", described, placed)
    assert placed.texts == ["adds", "subtracts"]
    assert shelf.choose("t", vector("s"), ["a"], 1, ()) == {"a"}


def test_new_and_used_tools_stay_beside_the_best() -> None:
    shelf = ToolShelf()
    shelf.place("t", {name: name for name in "abc"}, Placed())
    assert shelf.choose("t", vector("b"), list("abcd"), 1, {"c"}) == {"b", "c", "d"}
    assert shelf.choose("other", vector("b"), list("abc"), 1, ()) == set("abc")


def test_a_tool_without_a_vector_is_asked_for_again() -> None:
    shelf = ToolShelf()
    shelf.place("t", {"a": "a"}, lambda _, then: then(np.zeros(0, np.float32)))
    placed = Placed()
    shelf.place("t", {"a": "a"}, placed)
    assert placed.texts == ["a"]


def test_nothing_is_remembered_of_tenants_whose_tools_nobody_embeds() -> None:
    shelf = ToolShelf()
    for tenant in range(100):
        shelf.place(f"t{tenant}", {}, Placed())
        shelf.place(f"t{tenant}", {"a": "a", "b": "b"}, lambda _, then: then(np.zeros(0, np.float32)))
    assert not shelf._said


def test_a_tool_that_served_moves_to_the_questions_that_it_served() -> None:
    shelf = ToolShelf()
    shelf.place("t", {"a": "a", "b": "b"}, Placed())
    question = vector("q")
    for _ in range(20):
        shelf.asks("s", question)
        messages = (Message("user", "q"), Message("assistant", "", ("a", "b")), Message("tool", "ok"),
                    Message("tool", "no", failed=True))  # fmt: skip
        shelf.learn("t", "s", Facts(id="i", model="m", messages=messages))
    assert shelf.choose("t", question, ["a", "b"], 1, ()) == {"a"}
    assert shelf.catalogue("t").successes == {"a": 20}


def test_what_was_not_asked_here_teaches_nothing() -> None:
    shelf = ToolShelf()
    shelf.place("t", {"a": "a"}, Placed())
    for messages in ((), (Message("tool", "ok"),), (Message("user", "x"),)):
        shelf.asks("s", vector("q"))
        shelf.learn("t", "s", Facts(id="i", model="m", messages=messages))
        shelf.learn("t", "nobody", Facts(id="i", model="m", messages=messages))
    assert not shelf.catalogue("t").successes


def test_tenants_are_bounded() -> None:
    shelf = ToolShelf()
    for i in range(MOST_TENANTS + 5):
        shelf.place(f"t{i}", {"a": "a"}, Placed())
    assert not shelf.catalogue("t0").vectors
    assert shelf.catalogue(f"t{MOST_TENANTS + 4}").vectors
