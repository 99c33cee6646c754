"""Readings as they come from the classifier: one that contradicts itself, or its signal, is as if it had not come."""

from collections.abc import Mapping
from math import inf, isfinite

from policies.select.rules.known import NEAR, PARTITION
from policies.signals.learned import LEARNED, Learned
from policies.signals.reading import UNKNOWN, Reading

MARGIN = 1e-3  # by which scores may miss their sum, and a label its place, for want of digits
COSINE = Learned("number", (), -1.0 - MARGIN, 1.0 + MARGIN)
CELL = Learned("label")


def sound(found: Mapping[str, Reading]) -> tuple[dict[str, Reading], list[str]]:
    """The readings, odd ones as unknown, and the names of those; one that is unknown itself is not odd."""
    odd = [name for name, reading in found.items() if not _sound(name, reading)]
    return {**found, **dict.fromkeys(odd, UNKNOWN)}, odd


def _sound(name: str, reading: Reading) -> bool:
    told = COSINE if name.startswith(NEAR) else CELL if name.startswith(PARTITION) else LEARNED.get(name)
    if told is None or not reading.known():
        return reading.value not in (inf, -inf)
    low, high = (0.0, 1.0) if told.kind in ("flag", "label") else (told.low, told.high)
    if told.kind != "spans" and not low - MARGIN <= reading.value <= high + MARGIN:
        return False
    return told.kind != "label" or _agrees(reading, told.labels)


def _agrees(reading: Reading, labels: tuple[str, ...]) -> bool:
    """Whether a label is one of its signal's, and the likeliest by its own scores; an abstaining one has none."""
    scores = reading.scores
    if not all(isfinite(score) and score >= -MARGIN for score in scores.values()):
        return False
    if scores and sum(scores.values()) > 1.0 + len(scores) * MARGIN:
        return False
    if not reading.label:
        return True
    if labels and reading.label not in labels:
        return False
    return not scores or scores.get(reading.label, -inf) >= max(scores.values()) - MARGIN
