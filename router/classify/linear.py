"""A trained classifier head as it is kept and used: plain arrays, numpy only."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.signals.reading import UNKNOWN, Reading
from router.classify.calibration import softmax
from router.classify.features import Seen, width
from router.classify.ngrams import Floats

LAYOUT = 2  # of the file; a reader of another layout refuses it


UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What reading a broken .npz file raises."""


class BadHead(ValueError):
    """A head's file that cannot be used; says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Scores by label, their sharpness as probabilities, and the confidence below which it abstains."""

    name: str
    tier: str  # "static" | "encoder"
    labels: tuple[str, ...]
    weights: Floats  # (features, labels)
    rarity: Floats  # of n-grams, (buckets,)
    mean: Floats  # (labels,)
    sharpness: float = 1.0
    abstain_below: float = float("-inf")  # of the highest score
    encoders: Mapping[str, str] = field(default_factory=dict)  # names of those that it was trained on
    card: Mapping[str, Any] = field(default_factory=dict)  # what its evaluation found

    def scores(self, seen: Seen) -> Floats:
        """One row a text, one column a label."""
        return seen.of_tier(self.tier, self.rarity) @ self.weights + self.mean

    def readings(self, seen: Seen) -> list[Reading]:
        """The likeliest label of every text with all probabilities; unknown where the head abstains."""
        scores = self.scores(seen)
        shares, most = self.shares(scores).tolist(), scores.max(axis=1).tolist()
        return [self.reading(row, highest) for row, highest in zip(shares, most, strict=True)]

    def shares(self, scores: Floats) -> Floats:
        """Scores as probabilities."""
        return softmax(scores, self.sharpness)

    def save(self, path: Path) -> None:
        """Keep the head in one file."""
        told = {"layout": LAYOUT, "name": self.name, "tier": self.tier, "labels": self.labels, "card": self.card}
        told |= {"sharpness": self.sharpness, "abstain_below": self.abstain_below, "encoders": self.encoders}
        arrays = {"weights": self.weights, "rarity": self.rarity, "mean": self.mean}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            np.savez(out, told=np.array(json.dumps(told)), **arrays)  # type: ignore[arg-type]

    def reading(self, shares: Sequence[float], most: float) -> Reading:
        """The likeliest label with all probabilities; unknown where the highest score is too low, or none."""
        if not isfinite(most) or most < self.abstain_below:
            return UNKNOWN
        best = max(shares)
        return Reading(best, self.labels[shares.index(best)], dict(zip(self.labels, shares, strict=True)))


def load(path: Path) -> Linear:
    """A kept head; raises `BadHead` for a file of another kind or layout."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
            told = json.loads(str(found["told"]))
            arrays = {name: found[name] for name in ("weights", "rarity", "mean")}
    except UNREADABLE as bad:
        raise BadHead(f"{path} is not a trained head ({bad}): make it with `weir train`") from bad
    if told.pop("layout", None) != LAYOUT:
        raise BadHead(f"{path} is a head of another layout: train it again with `weir train {told.get('name', '')}`")
    if arrays["weights"].shape != (width(told["tier"], len(arrays["rarity"])), len(told["labels"])):
        raise BadHead(f"{path} holds weights of another shape: train it again with `weir train {told['name']}`")
    return Linear(**{**told, "labels": tuple(told["labels"])}, **arrays)


def agreeing(name: str, trained: Mapping[str, str], encoders: Mapping[str, str]) -> None:
    """Raises `BadHead` where a head was trained on other encoders than these; both are names by tier."""
    other = [tier for tier, model in trained.items() if encoders.get(tier, model) != model]
    if other:
        raise BadHead(f"head {name!r} was trained on another {other[0]} model: `weir train {name}` again")


def indices(labels: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int64]:
    """Each label's place among the known ones; -1 for one that is not among them."""
    place = {label: at for at, label in enumerate(known)}
    return np.array([place.get(label, -1) for label in labels], np.int64)
