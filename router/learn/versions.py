"""Heads of which several versions are kept, as FOLDER/KIND/VERSION/{head.npz, card.md}.

FOLDER/KIND/current names the version that serves.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from router.classify.linear import UNREADABLE, BadHead

CURRENT, FILE, CARD = "current", "head.npz", "card.md"
DOES = {"select": "chooses models", "sessions": "values turns of sessions"}
"""What the heads of each kind do."""

Arrays = Mapping[str, Any]


def keep(folder: Path, kind: str, told: Mapping[str, Any], arrays: Arrays, card: str) -> Path:
    """Keep a head and its card under its version, and let that version serve; returns its folder."""
    place = folder / kind / str(told["version"])
    place.mkdir(parents=True, exist_ok=True)
    with (place / FILE).open("wb") as out:
        np.savez_compressed(out, told=np.array(json.dumps(told)), **arrays)
    (place / CARD).write_text(card, encoding="utf-8")
    (folder / kind / CURRENT).write_text(f"{told['version']}\n", encoding="utf-8")
    return place


def is_there(folder: Path, kind: str) -> bool:
    """Whether the folder has a head of a kind that serves."""
    return (folder / kind / CURRENT).is_file()


def read(path: Path, kind: str, layout: int) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The file, what it tells and its arrays, of a heads folder, of its KIND folder, of a version's or a file.

    Raises `BadHead`.
    """
    file = _file(path, kind)
    try:
        with file.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            told = json.loads(str(found["told"]))
            arrays = {name: found[name] for name in found.files if name != "told"}
    except UNREADABLE as bad:
        raise BadHead(f"{file} is not a trained head ({bad}): make it with `weir train {kind}`") from bad
    if told.pop("layout", None) != layout:
        raise BadHead(f"{file} is a head of another layout: train it again with `weir train {kind}`")
    return file, told, arrays


def _file(path: Path, kind: str) -> Path:
    if path.is_file():
        return path
    if (path / FILE).is_file():
        return path / FILE
    folder = path if (path / CURRENT).is_file() else path / kind
    if not (folder / CURRENT).is_file():
        raise BadHead(f"{path} holds no head that {DOES[kind]}: make one with `weir train {kind} --out {path}`")
    return folder / (folder / CURRENT).read_text(encoding="utf-8").strip() / FILE
