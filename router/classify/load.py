"""What a classifier's process loads: encoders when first needed, and every trained head of a folder."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from policies.native.library import cache_folder
from router.classify.encoder import Embeds, Encoder
from router.classify.lengths import load as load_lengths
from router.classify.lengths import signals
from router.classify.linear import BadHead
from router.classify.linear import load as load_head
from router.classify.pii.tagger import load as load_tagger
from router.classify.port import ENCODER, Head, Made
from router.classify.static import StaticEncoder

if TYPE_CHECKING:
    from router.learn.select_head import SelectHead


def load(folder: Path | None) -> Made:
    """The heads of a folder, NAME.npz each; without any, anchors and partitions still answer. Raises `BadHead`."""
    heads: dict[str, Head] = {}
    for path in sorted((folder or heads_folder()).glob("*.npz")):
        heads |= _heads(path)
    return Made(_tier, heads, _choosing(folder or heads_folder()))


def _choosing(folder: Path) -> "SelectHead | None":
    """The head that tells models' qualities, where the folder has one; raises `BadHead` if it saw other encoders."""
    from router.learn.select_head import CURRENT, FOLDER
    from router.learn.select_head import load as load_select

    if not (folder / FOLDER / CURRENT).is_file():
        return None
    head = load_select(folder)
    other = [name for name, trained in head.encoders.items() if _tier(name).name != trained]
    if other:
        raise BadHead(f"the head in {folder / FOLDER} is another {other[0]} model's: `weir train select` again")
    return head


def _heads(path: Path) -> Mapping[str, Head]:
    """The signals that one file answers: most files one, lengths three."""
    if path.stem == "length":
        return signals(load_lengths(path))
    return {path.stem: load_tagger(path) if path.stem == "pii" else load_head(path)}


def heads_folder() -> Path:
    """Where heads are kept unless another folder is named."""
    return cache_folder() / "heads"


@cache
def _tier(name: str) -> Embeds:
    """A tier's encoder: one that nothing is read through costs no memory."""
    return Encoder() if name == ENCODER else StaticEncoder()
