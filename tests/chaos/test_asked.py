import json
from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.chaos.asked import CHAT, MODEL, TEXT, answered, preamble
from tests.chaos.requests import talk

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_the_same_seed_asks_the_same_and_every_request_has_a_mark_of_its_own(seed: int) -> None:
    first, again = talk(seed), talk(seed)
    assert first == again
    assert len({one.mark for one in first}) == len(first)
    for one in first:
        assert one.mark in one.body.decode()


@given(SEEDS)
def test_a_turn_says_again_all_that_was_said_before(seed: int) -> None:
    bodies = [json.loads(one.body) for one in talk(seed) if one.path == CHAT]
    for before, after in pairwise(bodies):
        assert after["messages"][: len(before["messages"])] == before["messages"]
    for body, one in zip(bodies[1:], talk(seed), strict=False):
        assert {"role": "assistant", "content": one.expected} in body["messages"]


@given(SEEDS)
def test_bodies_ask_for_greedy_answers_of_a_known_length(seed: int) -> None:
    for one in talk(seed):
        body = json.loads(one.body)
        assert (body["model"], body["temperature"], body["ignore_eos"]) == (MODEL, 0, True)
        assert body["max_tokens"] == one.tokens
        assert body.get("stream", False) is one.stream
        assert one.path == (TEXT if "prompt" in body else CHAT)


def test_no_two_prompts_have_the_same_answer() -> None:
    answers = [answered(f"prompt {number}", 12) for number in range(300)]
    assert len(set(answers)) == 300
    assert answered("prompt 7", 12) == answers[7]
    assert answered("prompt 7", 20).startswith(answers[7])


def test_conversations_share_their_system_prompts() -> None:
    assert preamble(1) == preamble(1)
    assert len({preamble(number) for number in range(8)}) == 8
    assert array("I", range(2)).itemsize == 4  # the key of an answer is its prompt's ids, four bytes each
