"""What a classifier's process loads: encoders when first needed, and every trained head of a folder."""

from functools import cache
from pathlib import Path

from policies.native.library import cache_folder
from router.classify.encoder import Embeds, Encoder
from router.classify.linear import load as load_head
from router.classify.port import ENCODER, Made
from router.classify.static import StaticEncoder


def load(folder: Path | None) -> Made:
    """The heads of a folder, NAME.npz each; without any, anchors and partitions still answer. Raises `BadHead`."""
    found = sorted((folder or heads_folder()).glob("*.npz"))
    return Made(_tier, {path.stem: load_head(path) for path in found})


def heads_folder() -> Path:
    """Where heads are kept unless another folder is named."""
    return cache_folder() / "heads"


@cache
def _tier(name: str) -> Embeds:
    """A tier's encoder: one that nothing is read through costs no memory."""
    return Encoder() if name == ENCODER else StaticEncoder()
