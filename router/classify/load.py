"""What a classifier's process loads: encoders when first needed, and every trained head of a folder."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from policies.native.library import cache_folder
from router.classify.encoder import Embeds, Encoder
from router.classify.lengths import HEAVY, NAMES
from router.classify.lengths import load as load_lengths
from router.classify.linear import load as load_head
from router.classify.pii.tagger import load as load_tagger
from router.classify.port import ENCODER, Head, Made
from router.classify.static import StaticEncoder

LIGHT = "light"
"""The folder, beside the heads, of their stand-ins on the static tier."""


def load(folder: Path | None) -> Made:
    """The heads of a folder, NAME.npz each; without any, anchors and partitions still answer. Raises `BadHead`."""
    kept = folder or heads_folder()
    return Made(_tier, _all_of(kept), _all_of(kept / LIGHT))


def _all_of(folder: Path) -> Mapping[str, Head]:
    heads: dict[str, Head] = {}
    for path in sorted(folder.glob("*.npz")):
        heads |= _heads(path)
    return heads


def _heads(path: Path) -> Mapping[str, Head]:
    """The signals that one file answers: most files one, lengths four."""
    if path.stem == "length":
        return dict.fromkeys((*NAMES, HEAVY), load_lengths(path))
    return {path.stem: load_tagger(path) if path.stem == "pii" else load_head(path)}


def heads_folder() -> Path:
    """Where heads are kept unless another folder is named."""
    return cache_folder() / "heads"


@cache
def _tier(name: str) -> Embeds:
    """A tier's encoder: one that nothing is read through costs no memory."""
    return Encoder() if name == ENCODER else StaticEncoder()
