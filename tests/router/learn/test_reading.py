"""What a text tells by itself: n-grams, the reader over them and embeddings, and the second stage on top."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.select.quality.ngrams import BUCKETS, MOST, Grams, letters, words
from policies.select.quality.port import Floats
from router.learn.boosting import Boosting
from router.learn.forest import Growing
from router.learn.reading import Asked, fit_reader, rarity_of
from router.learn.stacking import Trained, fit_second, one_hot

LETTERS = np.array(list("abcdefghijklmnoprstuvwz"))
TOPICS = {
    topic: ["".join(np.random.default_rng(40 * place + i).choice(LETTERS, 6)) for i in range(40)]
    for place, topic in enumerate(("law", "heat", "art"))
}
EVEN = Grams(rarity=np.ones(BUCKETS, np.float32))


def texts(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Texts of three of their topic's forty words among others, and the topics."""
    chance = np.random.default_rng(seed)
    topics = [str(each) for each in chance.choice(list(TOPICS), count)]
    common = [f"filler{i}" for i in range(400)]
    said = [
        " ".join([*chance.choice(TOPICS[topic], 3), *chance.choice(common, 6), f"nr{i}"])
        for i, topic in enumerate(topics)
    ]
    return said, topics


@given(st.text(max_size=200))
def test_any_text_has_buckets_within_bounds_and_each_once(text: str) -> None:
    for found in (words(text), letters(text)):
        assert len(found) == len(set(found.tolist()))
        assert all(0 <= each < BUCKETS for each in found.tolist())


@given(st.text(max_size=200))
def test_both_blocks_of_a_texts_weights_are_of_length_one_or_empty(text: str) -> None:
    place, weight = EVEN.of(text)
    split = len(words(text))
    for block in (weight[:split], weight[split:]):
        assert len(block) == 0 or np.linalg.norm(block) == pytest.approx(1.0)
    assert len(place) == len(weight)


def test_case_and_runs_of_white_space_make_no_difference() -> None:
    for read in (words, letters):
        assert read("The  Cat\n sat").tolist() == read("the cat sat").tolist()


def test_the_order_of_words_does() -> None:
    assert set(words("man bites dog").tolist()) != set(words("dog bites man").tolist())


def test_only_the_head_of_a_very_long_text_is_read() -> None:
    head = "word " * (MOST // 5 + 1)
    assert letters(head + "x" * 10_000_000).tolist() == letters(head).tolist()


def test_text_that_is_no_unicode_is_read_all_the_same() -> None:
    assert len(words("\ud800 broken")) == 3


def test_what_many_texts_have_counts_for_nothing_and_the_rarer_counts_more() -> None:
    said = [f"the {'often' if i % 50 < 1 else 'text'} number{i}" for i in range(200)]
    rarity = rarity_of(said)
    often, once, everywhere = (float(rarity[words(each)[0]]) for each in ("often", "number7", "the"))
    assert everywhere == 0.0
    assert 0.0 < often < once


def test_a_text_of_common_words_alone_has_no_weights() -> None:
    place, weight = Grams(rarity=np.zeros(BUCKETS, np.float32)).of("the same again")
    assert len(place) == len(weight) == 0


def learned(count: int = 300) -> tuple[list[str], list[str], Floats]:
    said, topics = texts(count)
    return said, topics, np.random.default_rng(2).normal(size=(count, 3)) * 0.01


def test_the_reader_learns_topics_that_the_embedding_does_not_tell() -> None:
    said, topics, dense = learned()
    reader, _ = fit_reader(dense, said, [Asked(targets=one_hot(topics), penalty=0.5)])
    fresh, truth = texts(100, seed=9)
    found = reader.expect(np.zeros((100, 3)), fresh).argmax(axis=1)
    assert np.mean([sorted(TOPICS)[i] == each for i, each in zip(found, truth, strict=True)]) > 0.8


def test_the_readers_left_out_answers_are_those_of_a_fit_without_the_row() -> None:
    said, topics, dense = learned(60)
    targets = one_hot(topics)
    _, alone = fit_reader(dense, said, [Asked(targets=targets, penalty=5.0)])
    for row in (0, 17, 59):
        rest = [other for other in range(60) if other != row]
        again, _ = fit_reader(dense[rest], [said[i] for i in rest], [Asked(targets=targets[rest], penalty=5.0)])
        assert alone[row] == pytest.approx(again.expect(dense[row : row + 1], [said[row]])[0], abs=0.06)


def test_the_reader_kept_as_weights_answers_as_its_kernel_does() -> None:
    said, topics, dense = learned(80)
    reader, _ = fit_reader(dense, said, [Asked(targets=one_hot(topics), penalty=1e-3)])
    assert reader.expect(dense, said) == pytest.approx(one_hot(topics), abs=0.05)


def test_questions_of_several_penalties_are_answered_in_the_order_asked() -> None:
    said, topics, dense = learned(50)
    sure, unsure = Asked(targets=one_hot(topics), penalty=0.1), Asked(targets=np.ones((50, 1)), penalty=1e6)
    reader, alone = fit_reader(dense, said, [unsure, sure])
    found = reader.expect(dense, said)
    assert found.shape == alone.shape == (50, 4)
    assert found[:, 0] == pytest.approx(np.ones(50), abs=1e-3)


def test_a_text_without_a_known_n_gram_falls_back_on_the_embedding() -> None:
    said, topics, dense = learned(50)
    reader, _ = fit_reader(dense, said, [Asked(targets=one_hot(topics), penalty=1.0)])
    assert np.isfinite(reader.expect(dense[:1], [""])).all()


def judged(count: int = 400) -> tuple[Floats, Floats, Floats, list[str]]:
    """Topic scores, facts (one is unknown now and then), who is right (model 0 in topic a) and topics."""
    chance = np.random.default_rng(4)
    first = chance.random(count) < 0.5
    topics = ["a" if each else "b" for each in first]
    right = np.stack([first, ~first], axis=1).astype(np.float64)
    facts = np.where(chance.random((count, 1)) < 0.2, np.nan, chance.random((count, 1)))
    return one_hot(topics), facts, right, topics


@pytest.mark.parametrize("boosting", [None, Boosting(trees=20)])
def test_the_second_stage_learns_who_is_right_where(boosting: Boosting | None) -> None:
    scores, facts, right, topics = judged()
    how = Trained(growing=Growing(trees=10, least_rows=10), boosting=boosting)
    second = fit_second(np.full((400, 2), 0.5), scores, facts, right, topics, how)
    expected = second.expect(np.full((400, 2), 0.5), scores, facts)
    assert (expected.argmax(axis=1) == right.argmax(axis=1)).mean() > 0.95
