"""A head that tells every model's quality from a prompt: how it sees texts, what it expects, and its file.

Several versions of it are kept, see `router.learn.versions`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from policies.select.quality.port import Floats, Quality
from policies.select.quality.shape import shape
from router.classify.features import DENSE
from router.classify.linear import BadHead
from router.learn.packed import packed, unpacked
from router.learn.versions import keep, read

LAYOUT = 1  # of the file; a reader of another layout refuses it
KIND = "select"
SPREAD = 0.1  # of the shape's numbers beside embeddings of unit length

Embed = Callable[[Sequence[str], str], Any]
"""Vectors of texts by the encoder of that name: "static" or "encoder"; shape (texts, width)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectHead:
    """What was learned of judged answers."""

    models: tuple[str, ...]  # in the order of the answers, by the names in the judged file
    tier: str  # "static" | "encoder"
    quality: Quality
    out_tokens: Floats  # shape (models,): the mean answer; NaN where no length was told
    encoders: Mapping[str, str] = field(default_factory=dict)  # names of those that it was trained on
    taught: frozenset[str] = frozenset()  # hashes of the texts that it was taught, see `weir.judged.text_hash`
    version: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)  # what its evaluation found

    def features(self, texts: Sequence[str], prompt_tokens: Sequence[float], embed: Embed) -> Floats:
        """What the quality head reads, shape (texts, features)."""
        return seen(texts, prompt_tokens, self.tier, embed)

    def expect(self, texts: Sequence[str], prompt_tokens: Sequence[float], embed: Embed) -> Floats:
        """Expected quality, shape (texts, models), in 0..1."""
        return np.clip(self.quality.expect(self.features(texts, prompt_tokens, embed)), 0.0, 1.0)

    def save(self, folder: Path, card: str) -> Path:
        """Keep the head and its card under its version, and let that version serve; returns its folder."""
        tree, arrays = packed(self.quality)
        told = {"layout": LAYOUT, "models": self.models, "tier": self.tier, "encoders": self.encoders, "head": tree}
        told |= {"taught": sorted(self.taught), "version": self.version, "card": self.card}
        return keep(folder, KIND, told, {"out_tokens": self.out_tokens, **arrays}, card)


def seen(texts: Sequence[str], prompt_tokens: Sequence[float], tier: str, embed: Embed) -> Floats:
    """Embeddings of the tier at unit length, the shape beside them, and the shape again as facts."""
    shapes = np.array([shape(text, count) for text, count in zip(texts, prompt_tokens, strict=True)])
    vectors = [unit(np.asarray(embed(texts, name), np.float64)) for name in DENSE[tier]]
    return np.concatenate([*vectors, SPREAD * shapes, shapes], axis=1)


def unit(vectors: Floats) -> Floats:
    """Each row at length one."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def load(path: Path) -> SelectHead:
    """The head of a heads folder, of its `select` folder, of one version's or a file; raises `BadHead`."""
    return _made(*read(path, KIND, LAYOUT))


def _made(file: Path, told: dict[str, Any], arrays: Mapping[str, Any]) -> SelectHead:
    try:
        return SelectHead(
            models=tuple(told["models"]),
            tier=told["tier"],
            quality=unpacked(told["head"], arrays),
            out_tokens=arrays["out_tokens"],
            encoders=told["encoders"],
            taught=frozenset(told["taught"]),
            version=told["version"],
            card=told["card"],
        )
    except (KeyError, TypeError, ValueError) as bad:
        raise BadHead(
            f"{file} holds no head that can be used ({bad}): train it again with `weir train select`"
        ) from bad
