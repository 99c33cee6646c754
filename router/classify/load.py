"""What a classifier's process loads: encoders when first needed, and every trained head of a folder."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from router.classify.encoder import Embeds, Encoder
from router.classify.heads import heads_folder
from router.classify.lengths import HEAVY, NAMES, Lengths
from router.classify.lengths import load as load_lengths
from router.classify.linear import Linear, agreeing
from router.classify.linear import load as load_head
from router.classify.pii.tagger import load as load_tagger
from router.classify.port import ENCODER, Head, Made
from router.classify.static import StaticEncoder

if TYPE_CHECKING:
    from router.learn.select_head import SelectHead

LIGHT = "light"
"""The folder, beside the heads, of their stand-ins on the static tier."""


def load(folder: Path | None, tier: Callable[[str], Embeds] | None = None) -> Made:
    """The heads of a folder, NAME.npz each, on the packaged encoders unless others are given.

    Without any head, anchors and partitions still answer. Raises `BadHead`, also for one of another encoder.
    """
    kept, encoders = folder or heads_folder(), tier or _tier
    return Made(encoders, _all_of(kept, encoders), _all_of(kept / LIGHT, encoders), _choosing(kept, encoders))


def _all_of(folder: Path, tier: Callable[[str], Embeds]) -> Mapping[str, Head]:
    heads: dict[str, Head] = {}
    for path in sorted(folder.glob("*.npz")):
        found = _heads(path)
        for head in found.values():
            if isinstance(head, Linear | Lengths):
                agreeing(path.stem, head.encoders, {name: tier(name).name for name in head.encoders})
        heads |= found
    return heads


def _choosing(folder: Path, tier: Callable[[str], Embeds]) -> "SelectHead | None":
    """The head that tells models' qualities, where the folder has one."""
    from router.learn.select_head import KIND
    from router.learn.select_head import load as load_select
    from router.learn.versions import is_there

    if not is_there(folder, KIND):
        return None
    head = load_select(folder)
    agreeing(KIND, head.encoders, {name: tier(name).name for name in head.encoders})
    return head


def _heads(path: Path) -> Mapping[str, Head]:
    """The signals that one file answers: most files one, lengths four."""
    if path.stem == "length":
        return dict.fromkeys((*NAMES, HEAVY), load_lengths(path))
    return {path.stem: load_tagger(path) if path.stem == "pii" else load_head(path)}


@cache
def _tier(name: str) -> Embeds:
    """A tier's encoder: one that nothing is read through costs no memory."""
    return Encoder() if name == ENCODER else StaticEncoder()
