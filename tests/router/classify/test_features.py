"""What heads see: n-grams, cosines, counts; least squares by rows and by features."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.classify.features import BUCKETS, COSINES, SHAPES, bend, see, shapes, shown, width
from router.classify.kernel import FOLDS, Problem, assign, fit, left_out, one_hot
from router.classify.ngrams import CHARACTERS, WORD, hashed, ngrams, rarity, weighted


@given(st.text(max_size=300))
def test_any_text_has_n_grams_and_counts_that_are_numbers(text: str) -> None:
    assert np.isfinite(ngrams([text], 64)).all()
    assert np.isfinite(shapes([text], [text])).all()
    assert np.linalg.norm(weighted(ngrams([text], 64), np.ones(64, np.float32))) <= 1 + 1e-5


@pytest.mark.parametrize("text", ["\ud800", "a" * 10_000_000, "\u200b" * 1000, "QUJD" * 1000, "日本語 и русский " * 50])
def test_hostile_texts_are_seen_in_bounded_time(text: str) -> None:
    assert np.isfinite(ngrams([text], 64)).all()


def test_what_lies_beyond_the_cut_is_not_read() -> None:
    text = "word " * CHARACTERS
    assert np.array_equal(ngrams([text], 64), ngrams([text[:CHARACTERS]], 64))


def test_hashes_are_the_same_in_any_process() -> None:
    assert hashed("weir") == 2474937868
    assert hashed("") == 0
    assert np.count_nonzero(ngrams(["a" * 1000], BUCKETS)) < 200


@given(st.text(max_size=200))
def test_buckets_count_words_their_pieces_and_pairs_one_by_one(text: str) -> None:
    words, one_by_one = WORD.findall(text.lower()), Counter[int]()
    for each in words:
        marked = f" {each[:40]} "
        pieces = [marked[at : at + size] for size in (3, 4, 5) for at in range(len(marked) - size + 1)]
        one_by_one.update([hashed(f"w{each}"), *map(hashed, pieces)])
    one_by_one.update(hashed(f"b{one} {two}") for one, two in pairwise(["^", *words, "$"]))
    expected = np.zeros(64)
    for key, times in one_by_one.items():
        expected[key % 64] += (1 if key >> 31 else -1) * (1 + np.log(times))
    assert np.allclose(ngrams([text], 64)[0], expected, atol=1e-4)


@given(st.text(max_size=200))
def test_shapes_are_counted_as_characters_are(text: str) -> None:
    length = max(len(text), 1)
    odd = sum(not (each.isalnum() or each.isspace()) for each in text) / length
    loud = sum(each.isupper() for each in text) / length
    row = shapes([text], [text])[0]
    assert row[4] == pytest.approx(4 * odd, abs=1e-5)
    assert row[5] == pytest.approx(4 * loud, abs=1e-5)


def test_the_length_is_the_whole_texts_however_short_it_is_shown() -> None:
    whole = "Some sentence of the kind that fills pages. " * 200
    read = shown([whole])
    assert len(read[0]) < 600
    assert shapes(read, [whole])[0, 1] > shapes(read, read)[0, 1]


def test_a_rare_bucket_weighs_more() -> None:
    rows = np.array([[1, 1], [1, 0], [1, 0]], np.float32)
    common, rare = rarity(rows)
    assert rare > common


def test_fewer_buckets_are_the_sum_of_more() -> None:
    seen = see(["bread and butter"], ["bread and butter"], {"static": np.ones((1, 8), np.float32)})
    assert seen.grams.shape == (1, BUCKETS)
    assert seen.folded(16).shape == (1, 16)
    assert seen.folded(16).sum() == pytest.approx(seen.grams.sum(), abs=1e-3)
    assert seen.of_tier("static", np.ones(16, np.float32)).shape == (1, width("static", 16))
    assert width("encoder", 16) == COSINES["encoder"] + COSINES["static"] + 16 + SHAPES


def test_cosines_stand_for_the_gaussian_kernel() -> None:
    rows = np.random.default_rng(3).normal(size=(20, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    bent = bend(rows, "encoder")
    exact = np.exp(-0.7 * (2 - 2 * rows @ rows.T))
    assert np.abs(bent @ bent.T - exact).max() < 0.1
    assert np.array_equal(bent, bend(rows, "encoder"))


def problem(rows: int, features: int, outputs: int = 2) -> Problem:
    chance = np.random.default_rng(rows)
    seen = chance.normal(size=(rows, features)).astype(np.float32)
    targets = (seen @ chance.normal(size=(features, outputs))).astype(np.float32)
    counts = chance.uniform(0.5, 1.5, rows).astype(np.float32)
    return Problem(features=seen, targets=targets, counts=counts, ridge=0.5)


@pytest.mark.parametrize(("rows", "features"), [(30, 60), (60, 30)])
def test_left_out_scores_are_those_of_a_fit_without_the_fold(rows: int, features: int) -> None:
    whole = problem(rows, features)
    folds = np.arange(rows) % FOLDS
    told = left_out(whole, folds)
    for fold in range(FOLDS):
        out, kept = folds == fold, folds != fold
        part = Problem(
            features=whole.features[kept], targets=whole.targets[kept], counts=whole.counts[kept], ridge=whole.ridge
        )
        alone = whole.features[out] @ fit(part) + part.mean()
        assert np.allclose(told[out], alone, atol=2e-2)


@pytest.mark.parametrize(("rows", "features"), [(25, 50), (50, 25)])
def test_both_ways_of_solving_agree_with_the_normal_equations(rows: int, features: int) -> None:
    given_ = problem(rows, features)
    counts = given_.counts[:, None]
    square = given_.features.T @ (counts * given_.features) + given_.ridge * np.eye(features)
    exact = np.linalg.solve(square, given_.features.T @ (counts * (given_.targets - given_.mean())))
    assert np.allclose(fit(given_), exact, atol=2e-2)


def test_a_group_is_never_split_and_its_fold_is_its_own() -> None:
    folds = assign(["a", "b", "a", "c", "b"])
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]
    assert assign(["c"])[0] == folds[3]
    assert set(assign([str(at) for at in range(100)]).tolist()) == set(range(FOLDS))


def test_what_is_outside_has_no_class() -> None:
    assert one_hot(np.array([1, -1, 0]), 2).tolist() == [[0, 1], [0, 0], [1, 0]]
