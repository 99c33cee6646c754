"""What an emulated model says, and how long."""

from dataclasses import replace
from statistics import median

import pytest

from sims.emulator.answer import answer
from sims.emulator.asked import Asked
from sims.emulator.vocabulary import Bytes, Vocabulary, vocabulary
from weir.prompt import render

ASKED = Asked(max_tokens=None)


def lengths(asked: Asked, room: int = 4000) -> list[int]:
    return [len(answer(asked, room, b"%d" % i, Bytes()).texts) for i in range(400)]


def test_half_of_the_answers_are_longer_than_200_tokens() -> None:
    assert 170 < median(lengths(ASKED)) < 230


def test_no_answer_is_longer_than_asked_for_or_than_there_is_room() -> None:
    assert max(lengths(replace(ASKED, max_tokens=90))) == 90
    assert max(lengths(ASKED, room=80)) == 80


def test_min_tokens_are_generated_at_least() -> None:
    assert min(lengths(replace(ASKED, min_tokens=150))) >= 150


def test_ignoring_the_end_token_fills_what_was_asked_for() -> None:
    said = answer(replace(ASKED, max_tokens=77, ignore_eos=True), 4000, b"x", Bytes())
    assert (len(said.texts), said.finish) == (77, "length")


def test_the_same_key_gives_the_same_answer_and_another_key_another() -> None:
    assert answer(ASKED, 400, b"x", Bytes()) == answer(ASKED, 400, b"x", Bytes())
    assert answer(ASKED, 400, b"x", Bytes()) != answer(ASKED, 400, b"y", Bytes())


def test_an_answer_that_ends_itself_ends_with_a_token_of_no_text() -> None:
    said = answer(replace(ASKED, fixed_tokens=9), 4000, b"x", Bytes())
    assert (len(said.texts), said.texts[-1], said.finish) == (9, "", "stop")


def test_a_stop_string_does_not_count_before_min_tokens() -> None:
    free = replace(ASKED, max_tokens=60, ignore_eos=True)
    word = answer(free, 4000, b"x", Bytes()).texts[3]
    said = answer(replace(free, stop=(word,), min_tokens=30), 4000, b"x", Bytes())
    assert len(said.texts) > 30


def test_a_stop_string_over_two_tokens_is_cut_from_both() -> None:
    free = replace(ASKED, max_tokens=60, ignore_eos=True)
    texts = answer(free, 4000, b"x", Bytes()).texts
    stop = texts[4][-1] + texts[5]
    said = answer(replace(free, stop=(stop,)), 4000, b"x", Bytes())
    assert said.stop_reason == stop
    assert "".join(said.texts) == "".join(texts)[: "".join(texts).index(stop)]
    assert len(said.texts) == 6


@pytest.mark.parametrize(("name", "template"), [("llama3", "llama3"), ("qwen3", "chatml"), ("o200k_base", "chatml")])
def test_a_prompt_with_its_answer_has_the_same_tokens_again(name: str, template: str) -> None:
    words: Vocabulary = vocabulary(name, template)
    prompt = render([("user", "How does a weir work?")], template)
    said = answer(replace(ASKED, fixed_tokens=300), 4000, b"x", words)
    ids = words.encode(prompt) + list(said.ids)
    text = "".join(said.texts)
    again = words.encode(render([("user", "How does a weir work?"), ("assistant", text), ("user", "?")], template))
    assert len(words.pieces) > 100
    assert again[: len(ids) - 1] == ids[:-1]
    assert words.decode(said.ids[:-1]) == text


def test_without_a_vocabulary_four_bytes_are_a_token() -> None:
    words = Bytes()
    assert len(words.encode("abcdefghij")) == 3
    assert words.decode(words.encode("Über die Wehrkrone")) == "Über die Wehrkrone"
    said = answer(replace(ASKED, max_tokens=50, ignore_eos=True), 4000, b"x", words)
    assert words.encode("".join(said.texts)) == list(said.ids)
