"""Personal data: forms with their checksums, and a tagger that learns sentences."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.signals.reading import Span
from router.classify.features import see
from router.classify.linear import BadHead
from router.classify.pii.learning import Marked, learn, marked
from router.classify.pii.recognisers import address, iban, luhn, recognised, social
from router.classify.pii.swapping import swapped
from router.classify.pii.tagger import Tagger, added, allowed, best, keys, load, scores, to_spans, to_tags
from router.classify.pii.tokens import shape, tokens
from tests.router.classify import plain_features

NAMES = ["Anna Berg", "Omar Haddad", "Li Wei", "Tom Fox", "Ines Prado", "Jan Novak", "Kofi Mensah", "Eva Lind"]
TOWNS = ["Oslo", "Lyon", "Porto", "Graz", "Cork", "Turin", "Ghent", "Basel"]


def sentences() -> list[Marked]:
    """Made-up sentences with a name, a town and an e-mail address, and some with nothing."""
    made = []
    for name, town in zip(NAMES, TOWNS, strict=True):
        for begin, middle in (("My name is ", " and I live in "), ("Please send it to ", " who moved to ")):
            text = f"{begin}{name}{middle}{town}"
            there = len(begin) + len(name) + len(middle)
            spans = (Span(len(begin), len(begin) + len(name), "PERSON"), Span(there, len(text), "GPE"))
            made.append(Marked(text, spans))
        made.append(Marked(f"What is the weather in June, part {len(made)}?", ()))
    return made


TAGGER = learn(sentences())


def said(text: str, tagger: Tagger = TAGGER) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.kind) for span in tagger.spans(text)]


def test_names_and_towns_that_it_has_never_seen_are_told_by_their_sentence() -> None:
    assert said("My name is Ruth Okoye and I live in Lagos") == [("Ruth Okoye", "PERSON"), ("Lagos", "GPE")]
    assert said("What is the weather in June, part 99?") == []
    assert said("") == []


def test_a_tagger_is_a_head_of_whole_texts() -> None:
    texts = ["My name is Ruth Okoye and I live in Lagos", "What is the weather in June, part 3?"]
    first, second = TAGGER.readings(see(texts, texts, {}))
    assert first.value == 2.0
    assert first.spans == tuple(TAGGER.spans(texts[0]))
    assert second.value == 0.0
    assert TAGGER.tier == "text"


def test_learning_again_gives_the_same_tagger() -> None:
    assert np.array_equal(learn(sentences()).table, TAGGER.table)


def test_a_kept_tagger_tells_the_same(tmp_path: Path) -> None:
    TAGGER.save(tmp_path / "heads" / "pii.npz")
    again = load(tmp_path / "heads" / "pii.npz")
    for example in sentences():
        assert again.spans(example.text) == TAGGER.spans(example.text)
    (tmp_path / "other.npz").write_bytes(b"no")
    with pytest.raises(BadHead, match="is not a tagger"):
        load(tmp_path / "other.npz")


@settings(max_examples=40)
@given(st.text(max_size=120))
def test_spans_lie_in_the_text_in_order_and_never_overlap(text: str) -> None:
    end = 0
    for span in TAGGER.spans(text):
        assert end <= span.start < span.end <= len(text)
        end = span.end


@settings(max_examples=40)
@given(st.text(max_size=120))
def test_every_token_is_seen_and_lies_where_it_says(text: str) -> None:
    found = tokens(text)
    assert all(text[each.start : each.end] == each.text for each in found)
    assert len(keys(text, found)) == len(found)


@settings(max_examples=60)
@given(st.text(alphabet=st.sampled_from("Anna 12,.:@/\n\u00b6é日_x"), max_size=60) | st.text(max_size=60))
def test_a_token_has_the_rows_of_its_features_one_by_one(text: str) -> None:
    found = tokens(text)
    assert [sorted(each.tolist()) for each in keys(text, found)] == list(map(sorted, plain_features.rows(text, found)))


def test_scores_are_the_sums_of_rows() -> None:
    text = "My name is Ruth Okoye, write to ruth@mail.example.org or 12 Elm Street"
    found = tokens(text)
    told = scores(TAGGER.table, text, found)
    assert np.allclose(told, [TAGGER.table[rows].sum(axis=0) for rows in keys(text, found)], atol=1e-3)
    assert added(TAGGER.table, np.array([3, 3, 5]), np.array([2, 0, 1])).tolist() == [
        (2 * TAGGER.table[3]).tolist(), np.zeros(5).tolist(), TAGGER.table[5].tolist(),
    ]  # fmt: skip


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 4))
def test_the_best_tags_are_those_of_the_best_of_all_sequences(seed: int, length: int, tags: int) -> None:
    chance = np.random.default_rng(seed)
    told = chance.normal(size=(length, tags)).astype(np.float32)
    after = chance.normal(size=(tags, tags)).astype(np.float32)

    def worth(sequence: tuple[int, ...]) -> float:
        moves = [float(after[one, two]) for one, two in pairwise((0, *sequence))]
        return sum(moves) + sum(float(told[at, tag]) for at, tag in enumerate(sequence))

    found = tuple(best(told, after).tolist())
    assert worth(found) == pytest.approx(max(map(worth, product(range(tags), repeat=length))), abs=1e-4)


@pytest.mark.parametrize("text", ["1" * 100_000, "a@" * 20_000, ":" * 50_000, "A1 " * 20_000])
def test_hostile_texts_are_looked_through_in_bounded_time(text: str) -> None:
    assert isinstance(list(recognised(text)), list)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to a.b+c@mail.example.org now", "EMAIL_ADDRESS"),
        ("see https://www.example.org/x?y=1", "DOMAIN_NAME"),
        ("pay GB82 WEST 1234 5698 7654 32 today", "IBAN_CODE"),
        ("host 192.168.10.1 is down", "IP_ADDRESS"),
        ("host 2001:db8:0:0:0:0:0:1 is down", "IP_ADDRESS"),
        ("my number is 536-90-4399", "US_SSN"),
        ("card 4111 1111 1111 1111 please", "CREDIT_CARD"),
    ],
)
def test_forms_are_recognised_without_any_training(text: str, kind: str) -> None:
    assert kind in {span.kind for span in recognised(text)}


def test_checksums_tell_what_only_looks_alike() -> None:
    assert luhn("4111 1111 1111 1111")
    assert not luhn("4111 1111 1111 1112")
    assert not luhn("42")
    assert iban("GB82WEST12345698765432")
    assert not iban("GB83WEST12345698765432")
    assert not address("999.1.1.1")
    assert not social("000-12-3456")
    assert not social("912-12-3456")
    assert not [span for span in recognised("order 4111 1111 1111 1112") if span.kind == "CREDIT_CARD"]


def test_a_span_goes_on_only_where_it_began() -> None:
    barred = allowed(2)
    assert barred[0, 2] < 0
    assert barred[1, 2] == 0
    assert barred[2, 2] == 0
    assert barred[3, 2] < 0
    tags = best(np.zeros((3, 5), np.float32), barred)
    assert not {2, 4} & set(tags[:1].tolist())


def test_spans_and_tags_are_two_ways_to_say_the_same() -> None:
    kinds = ("GPE", "PERSON")
    for example in sentences():
        found = tokens(example.text)
        tags = to_tags(example.spans, found, {kind: at for at, kind in enumerate(kinds)})
        assert to_spans(tags, found, kinds) == list(example.spans)


def test_swapped_copies_keep_their_spans_in_place() -> None:
    examples = sentences()
    made = list(swapped(examples, copies=3))
    assert made[: len(examples)] == examples
    assert len(made) == len(examples) + 3 * sum(bool(each.spans) for each in examples)
    known = {example.text[span.start : span.end].lower() for example in examples for span in example.spans}
    assert all(each.text[span.start : span.end].lower() in known for each in made for span in each.spans)
    assert list(swapped(examples, copies=3)) == made


def test_shapes_tell_capitals_and_digits_apart() -> None:
    assert [shape(word) for word in ("Anna", "A", "NATO", "anna", "1234", ",")] == ["Aa", "A", "AA", "a", "94", ","]


def test_marked_rows_are_read_and_their_absence_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "presidio_pii"
    with pytest.raises(FileNotFoundError, match=r"holds no \.jsonl"):
        marked(tmp_path)
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"text":"I am Bo","spans":[[5,7,"PERSON"]]}\n')
    assert marked(tmp_path) == [Marked("I am Bo", (Span(5, 7, "PERSON"),))]
    (folder / "a.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match=r"a\.jsonl, row 1 is not a JSON object"):
        marked(tmp_path)
