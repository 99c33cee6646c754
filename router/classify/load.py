"""What a classifier's process loads: encoders when first needed, and every head that a folder has."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from router.classify.encoder import Embeds, Encoder
from router.classify.port import ENCODER, Head, Made
from router.classify.static import StaticEncoder

HEADS = "router.classify.heads"  # the module whose `load(folder)` answers with heads by signal


def load(folder: Path | None) -> Made:
    """The heads of a folder, or the packaged ones; without any, anchors and partitions still answer."""
    heads: Mapping[str, Head] = {}
    if find_spec(HEADS) is not None:
        heads = import_module(HEADS).load(folder)
    return Made(_tier, heads)


@cache
def _tier(name: str) -> Embeds:
    """A tier's encoder: one that nothing is read through costs no memory."""
    return Encoder() if name == ENCODER else StaticEncoder()
