"""The model made in place: readable by all who read models, the same wherever it is made, a hard case for tokens."""

import json
import struct
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bench.engines import model
from bench.engines.model import (
    BOS,
    CONTEXT_TOKENS,
    HIDDEN,
    RANK,
    SPECIAL,
    alphabet,
    learn,
    make_adapter,
    make_model,
    merged,
    speakable,
    write_tensors,
)
from weir.model_files import ModelFiles


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny"))


def header(path: Path) -> dict[str, dict[str, object]]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    told: dict[str, dict[str, object]] = json.loads(data[8 : 8 + length])
    return told


def test_the_same_seed_makes_the_same_model_and_another_seed_another(folder: Path, tmp_path: Path) -> None:
    again, other = make_model(tmp_path / "again"), make_model(tmp_path / "other", seed=2)
    for name in ("model.safetensors", "tokenizer.json", "config.json", "tokenizer_config.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert (other / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()


def test_the_vocabulary_is_as_large_as_the_configuration_says(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size() == config["vocab_size"]
    assert header(folder / "model.safetensors")["lm_head.weight"]["shape"] == [config["vocab_size"], HIDDEN]
    assert config["max_position_embeddings"] == CONTEXT_TOKENS


@given(st.text(max_size=60))
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    """Byte-level: nothing is unknown."""
    vocabulary, merges = learn(model.CORPUS, model.MERGES)
    loaded = Tokenizer.from_str(json.dumps(model.tokenizer(vocabulary, merges)))
    assert loaded.decode(loaded.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_a_text_is_opened_by_the_tokenizer_and_a_chat_by_its_template(folder: Path) -> None:
    """As with Llama 3: whoever opens both, or neither, has other tokens than the engine."""
    files = ModelFiles(folder)
    text = files.tokens({"prompt": "hello world"})
    chat = files.tokens({"messages": [{"role": "user", "content": "hello world"}]})
    opening = SPECIAL.index(BOS)
    assert (text[0], list(text).count(opening)) == (opening, 1)
    assert (chat[0], list(chat).count(opening)) == (opening, 1)
    assert len(chat) > len(text)


def test_words_of_the_corpus_are_fewer_tokens_than_letters(folder: Path) -> None:
    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert len(loaded.encode("the warmest prefix cache", add_special_tokens=False).ids) < 8


def test_only_plain_text_is_ever_said() -> None:
    assert speakable("Ġfox")
    assert not any(map(speakable, SPECIAL))
    assert not speakable(alphabet()[200])


def test_a_merge_joins_every_pair_from_the_left() -> None:
    assert merged(list("aaab"), ("a", "a")) == ["aa", "a", "b"]
    assert merged(list("abab"), ("a", "b")) == ["ab", "ab"]


def test_the_alphabet_has_a_letter_for_every_byte() -> None:
    assert len(set(alphabet())) == 256
    assert alphabet()[ord("a")] == "a"
    assert alphabet()[ord(" ")] == "Ġ"


def test_an_adapter_fits_the_model_and_no_two_are_the_same(tmp_path: Path) -> None:
    one, other = make_adapter(tmp_path / "one", 1), make_adapter(tmp_path / "other", 2)
    shapes = {name: told["shape"] for name, told in header(one / "adapter_model.safetensors").items() if "lora" in name}
    assert set(map(tuple, shapes.values())) == {(RANK, HIDDEN), (HIDDEN, RANK)}  # type: ignore[arg-type]
    assert json.loads((one / "adapter_config.json").read_text())["r"] == RANK
    assert (one / "adapter_model.safetensors").read_bytes() != (other / "adapter_model.safetensors").read_bytes()


def test_tensors_lie_where_the_header_says(tmp_path: Path) -> None:
    values = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, dtype=np.float32)}
    write_tensors(tmp_path / "some.safetensors", values)
    data = (tmp_path / "some.safetensors").read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    assert start % 8 == 0
    for name, told in header(tmp_path / "some.safetensors").items():
        if name in values:
            begin, end = cast("tuple[int, int]", told["data_offsets"])
            found = np.frombuffer(data[start + begin : start + end], dtype=np.float32)
            assert (found == values[name].ravel()).all()
