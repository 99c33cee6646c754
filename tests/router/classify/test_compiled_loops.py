"""The classifier's loops: compiled they tell what they tell as Python, and what is written plainly here."""

import re
import zlib
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.classify.compress import Doubles, _order, compress, sentences, worths
from router.classify.native import grams, tagging
from router.classify.native import worths as loop
from router.classify.native.library import SIGNATURES, ensure_built, function
from router.classify.ngrams import TABLE, ngrams

WORD = re.compile(rb"[0-9A-Za-z_\x80-\xff]{4,}")
SENTENCES = st.lists(st.text(alphabet="abcd efgh_1é日", min_size=1, max_size=40), min_size=1, max_size=12)


def counted(said: list[str]) -> Doubles:
    """How often each bucket's words stand in each sentence."""
    counts = np.zeros((len(said), loop.BUCKETS))
    for row, one in zip(counts, said, strict=True):
        for word in WORD.findall(one.lower().encode()):
            value = sum(byte * pow(loop.SPREAD, at, 1 << 64) for at, byte in enumerate(word)) * loop.SPREAD
            row[value % (1 << 64) >> 57] += 1
    return counts


def scaled(values: Doubles) -> Doubles:
    told: Doubles = (values - values.min()) / max(values.max() - values.min(), 1e-9)
    return told


def plainly(said: list[str]) -> Doubles:
    """How much each sentence tells, by matrices."""
    counts = counted(said)
    weighted = counts * np.log1p(len(said) / np.maximum(np.count_nonzero(counts, axis=0), 1))
    telling = weighted.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-6)
    alike = unit @ unit.T * (1 - np.eye(len(said)))
    links = np.maximum(alike.sum(axis=1), 1e-6)
    rank = np.full(len(said), 1.0 / len(said))
    for _ in range(loop.ROUNDS):
        rank = (1 - loop.DAMPING) / len(said) + loop.DAMPING * alike @ (rank / links)
    place = np.linspace(-1.0, 1.0, len(said))
    novel = 1.0 - np.array([0.0, *np.einsum("sw,sw->s", unit[1:], unit[:-1])])
    position = 1.0 - loop.DEPTH * (1.0 - place * place)
    told = loop.RANK * scaled(rank) + loop.POSITION * position + loop.TELLING * scaled(telling)
    worth: Doubles = told + loop.NOVELTY * novel
    return worth


def as_python(said: list[str]) -> Doubles:
    """The loop itself, without a compiler."""
    text = np.frombuffer("".join(f"{one}\n" for one in said).lower().encode(), np.uint8)
    at, out = np.zeros(len(said) + 1, np.int64), np.zeros(len(said))
    with np.errstate(over="ignore"):  # hashes are modulo 2^64
        loop.worths(
            text, at, np.zeros(len(text), np.int64), np.zeros(len(text)), np.zeros(loop.BUCKETS + 2 * len(said)), out
        )
    return out


@settings(max_examples=40, deadline=None)
@given(SENTENCES)
def test_sentences_are_worth_the_same_compiled_and_as_python(said: list[str]) -> None:
    if np.ptp(plainly(said)) > 1e-6:  # otherwise what is scaled is rounding
        assert np.allclose(worths(said), as_python(said), atol=1e-9)
    assert worths(said).shape == (len(said),)


def test_worths_of_prose_are_the_matrices() -> None:
    topics = ["bread butter oven", "flight hotel passport", "interest account salary invoice", "guitar violin melody"]
    chance = np.random.default_rng(0)
    said = [" ".join(chance.choice(" ".join(topics).split(), 6)) for _ in range(40)]
    assert np.allclose(worths(said), plainly(said), atol=1e-6)
    assert np.allclose(as_python(said), plainly(said), atol=1e-6)


def test_what_holds_more_line_ends_than_sentences_is_weighed_all_the_same() -> None:
    assert worths(["\n\n\nbread and butter\n" * 9]).shape == (1,)
    assert compress("\n" * 10_000) == "\n" * 240


def test_the_best_sentences_are_kept_in_their_order() -> None:
    said = [f"Sentence number {at} tells of {'bread' if at % 2 else 'guitars'} and {at * at}." for at in range(60)]
    text = " ".join(said)
    assert sentences(text) == said
    kept = compress(text)
    assert len(kept) <= 538
    places = [text.index(one) for one in sentences(kept)]
    assert places == sorted(places)
    assert _order(said)[:6] == [0, 59, 1, 58, 2, *_order(said)[5:6]]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(alphabet="abé日z\U0001f600", min_size=1, max_size=50), max_size=6))
def test_n_grams_compiled_are_those_of_the_loop(words: list[str]) -> None:
    text = np.frombuffer("".join(f"{word}\n" for word in words).encode(), np.uint8)
    size, out = 1 << (4 * len(text) + 8).bit_length(), np.zeros(64, np.float32)
    marked, starts = np.zeros(grams.MARKED, np.uint8), np.zeros(grams.STARTS, np.int64)
    grams.ngrams(text, TABLE, np.zeros(size, np.int64), np.zeros(size, np.int64), marked, starts, out)
    if all(re.fullmatch(r"\w+", word) for word in words):
        assert np.allclose(out, ngrams([" ".join(words)], 64)[0], atol=1e-5)
    assert np.isfinite(out).all()


@given(st.binary(max_size=20), st.binary(min_size=1, max_size=20))
def test_a_hash_goes_on_as_zlib_does(first: bytes, then: bytes) -> None:
    crc = grams.goes_on(zlib.crc32(first), np.frombuffer(then, np.uint8), 0, len(then), TABLE)
    assert crc == zlib.crc32(first + then)
    assert grams.one_more(zlib.crc32(first), then[0], TABLE) == zlib.crc32(first + then[:1])


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=5), st.data())
def test_rows_are_the_hashes_of_parts_put_together(pool: list[bytes], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.lists(st.integers(0, len(pool) - 1), max_size=3), min_size=1, max_size=4))
    ends = np.array(list(accumulate(map(len, pool))))
    parts = np.full((len(chosen), 3), -1, np.int32)
    for row, one in zip(parts, chosen, strict=True):
        row[: len(one)] = one
    expected = [zlib.crc32(b"".join(pool[at] for at in one)) % 1000 for one in chosen]
    out, compiled = np.zeros(len(chosen), np.int64), np.zeros(len(chosen), np.int64)
    joined = b"".join(pool)
    tagging.hash_rows(np.frombuffer(joined, np.uint8), ends, parts, 1000, TABLE, out)
    function("hash_rows")(
        joined, ends.ctypes.data, len(ends), parts.ctypes.data, len(parts), 3, 1000, TABLE.ctypes.data,
        compiled.ctypes.data,
    )  # fmt: skip
    assert out.tolist() == compiled.tolist() == expected


def test_sums_and_best_tags_are_those_of_the_loops() -> None:
    chance = np.random.default_rng(1)
    table = chance.normal(size=(9, 4)).astype(np.float32)
    rows, begins, out = np.array([1, 2, 2, 8]), np.array([0, 3, 3, 4]), np.zeros((3, 4), np.float32)
    tagging.add_rows(table, rows, begins, out)
    assert np.allclose(out, [table[1] + 2 * table[2], np.zeros(4), table[8]])
    after, back = chance.normal(size=(4, 4)).astype(np.float32), np.zeros((3, 4), np.int32)
    tags, compiled, reached = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros((2, 4), np.float32)
    tagging.best(out, after, back, reached, tags)
    function("best")(
        out.ctypes.data, 3, 4, after.ctypes.data, back.ctypes.data, reached.ctypes.data, compiled.ctypes.data
    )
    assert tags.tolist() == compiled.tolist()


def test_the_library_is_there_and_has_every_loop() -> None:
    assert ensure_built().exists()
    for name in SIGNATURES:
        assert callable(function(name))


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="could not be compiled"):
        ensure_built()
