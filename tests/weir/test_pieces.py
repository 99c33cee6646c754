"""Tokens piece by piece are the tokens of the whole."""

import sys
import threading
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.weir.model_folder import trained
from weir.pieces import ENTRY_BYTES, Added, Pieces, safe_cuts

pytest.importorskip("tokenizers")
MARKS = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")
SPOKEN = st.text(alphabet="ab <>|s/_Aé\u0301▁\n\U0001f600", max_size=12)
texts = st.lists(st.one_of(st.sampled_from(MARKS), SPOKEN), max_size=12).map("".join)


def added(loaded: Any) -> list[Added]:
    every = loaded.get_added_tokens_decoder().values()
    return [Added(text=o.content, lstrip=o.lstrip, single_word=o.single_word, normalized=o.normalized) for o in every]


def pieces(loaded: Any, **more: Any) -> Pieces:
    return Pieces(lambda text: loaded.encode(text, add_special_tokens=False).ids, safe_cuts(added(loaded)), **more)


def _sentence_piece_like(scheme: str) -> Any:
    """A vocabulary that marks where words begin, and in one scheme only the text's first."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    letters = "ab <>|s/_Aaé\u0301▁\n"
    made = Tokenizer(models.WordLevel({"?": 0, **{one: i + 1 for i, one in enumerate(dict.fromkeys(letters))}}, "?"))
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False), pre_tokenizers.Split("", "isolated")]
    )
    made.add_special_tokens(list(MARKS))
    return made


def _legacy() -> Any:
    """A normaliser that writes before every text that it is given."""
    from tokenizers import normalizers

    made = _sentence_piece_like("never")
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return made


def _greedy() -> Any:
    """Added tokens that reach into their surroundings or into one another."""
    from tokenizers import AddedToken

    made = trained()
    made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<|im_end|><s>")])
    made.add_tokens([AddedToken("ab", single_word=True), AddedToken("a</s", normalized=False)])
    return made


VOCABULARIES = {
    "bytes": trained(), "first": _sentence_piece_like("first"), "always": _sentence_piece_like("always"),
    "legacy": _legacy(), "greedy": _greedy(),
}  # fmt: skip


@pytest.mark.parametrize("name", VOCABULARIES)
@settings(max_examples=150, deadline=None)
@given(texts=st.lists(texts, min_size=1, max_size=3))
@example(texts=["<s> a<s>b"])
@example(texts=["a </s>ab", "a<|im_end|><s>b"])
def test_pieces_have_the_tokens_of_the_whole(name: str, texts: list[str]) -> None:
    loaded = VOCABULARIES[name]
    cut = pieces(loaded)
    for text in [*texts, *texts]:
        assert cut.encode(text).tolist() == loaded.encode(text, add_special_tokens=False).ids


def test_a_turn_costs_only_what_it_adds() -> None:
    asked: list[str] = []
    loaded = trained()

    def encode(text: str) -> list[int]:
        asked.append(text)
        ids: list[int] = loaded.encode(text, add_special_tokens=False).ids
        return ids

    cut, turn = Pieces(encode, MARKS), "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    cut.encode(turn)
    asked.clear()
    cut.encode(turn + "hi<|im_end|>\n")
    assert asked == ["<|im_start|>assistant\nhi"]


def test_memory_stays_within_its_bound_and_the_least_recent_leaves() -> None:
    cut = pieces(trained(), most_bytes=4 * ENTRY_BYTES)
    for i in range(50):
        cut.encode(f"<s>{i}" + "<s>kept")
    assert cut.bytes <= 4 * ENTRY_BYTES
    misses = cut.misses
    cut.encode("<s>kept")
    assert cut.misses == misses
    cut.encode("<s>0")
    assert cut.misses == misses + 4


def test_a_text_without_special_tokens_is_one_piece() -> None:
    cut = pieces(trained())
    assert cut.encode("hello world").tolist() == trained().encode("hello world").ids
    assert cut.encode("").tolist() == []


def test_a_vocabulary_without_added_tokens_is_never_cut() -> None:
    assert Pieces(lambda text: [len(text)], []).encode("<s>a<s>").tolist() == [7]


@pytest.mark.parametrize(("tokens", "safe"), [
    ([Added(text="<s>"), Added(text="</s>")], ["<s>", "</s>"]),
    ([Added(text="<s>"), Added(text="<s><x>")], []),
    ([Added(text="ab"), Added(text="bc")], []),
    ([Added(text="<m>", lstrip=True), Added(text="[a]"), Added(text="x", normalized=True)], ["[a]"]),
    ([Added(text="w", single_word=True), Added(text="")], []),
])  # fmt: skip
def test_a_text_is_cut_only_where_nothing_reaches_across(tokens: list[Added], safe: list[str]) -> None:
    assert safe_cuts(tokens) == safe


def test_threads_share_one_memory() -> None:
    cut, wrong = pieces(trained(), most_bytes=2000), list[str]()
    whole = {text: trained().encode(text).ids for text in (f"<s>{i}<|im_end|>hello" for i in range(20))}

    def work() -> None:
        wrong.extend(text for text, ids in whole.items() if cut.encode(text).tolist() != ids)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    assert cut.bytes <= 2000
