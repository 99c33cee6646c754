"""How long prompts are, in quarters of an octave: few numbers, and a boundary can lie between any two of them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import ceil, log2

import numpy as np
import numpy.typing as npt

LEAST_TOKENS = 16.0
OCTAVE = 4  # classes of length in a doubling
CLASSES = 64  # the last one takes all that is longer

EDGES: tuple[float, ...] = tuple(LEAST_TOKENS * 2.0 ** (i / OCTAVE) for i in range(CLASSES))
"""The most tokens of each class."""

MIDDLES: tuple[float, ...] = tuple(edge * 2.0 ** (-0.5 / OCTAVE) for edge in EDGES)
"""What a prompt of each class is taken to have."""

_EDGES = np.array(EDGES)

Ints = npt.NDArray[np.int64]


def class_of(tokens: float) -> int:
    """The class of a prompt."""
    return min(bisect_left(EDGES, tokens), CLASSES - 1)


def classes(tokens: npt.NDArray[np.generic]) -> Ints:
    """The class of each prompt."""
    return _EDGES[:-1].searchsorted(tokens)


def counted(tokens: npt.NDArray[np.generic]) -> tuple[int, ...]:
    """How many prompts there are of each class."""
    return tuple(np.bincount(classes(tokens), minlength=CLASSES).tolist())


def summed(counts: Iterable[Sequence[float]]) -> list[float]:
    """Several counts as one; an empty one counts nothing."""
    found = np.zeros(CLASSES)
    for one in counts:
        if len(one) == CLASSES:
            found += one
    return [float(each) for each in found]


def nearest_edge(tokens: float) -> int:
    """The class whose edge is nearest to a boundary, by their ratio."""
    return min(max(round(log2(max(tokens, 1.0) / LEAST_TOKENS) * OCTAVE), 0), CLASSES - 1)


def at_most(tokens: float) -> int:
    """The last class whose edge is no more than so many tokens; -1 where each is more."""
    return int(np.searchsorted(_EDGES, tokens, side="right")) - 1


def at_least(tokens: float) -> int:
    """The first class whose edge is no less; the last one where each is less."""
    return min(int(np.searchsorted(_EDGES, tokens)), CLASSES - 1)


def octaves(classes_: int) -> float:
    """How many times as long a prompt is that is so many classes higher."""
    return float(2.0 ** (classes_ / OCTAVE))


def class_steps(times: float) -> int:
    """How many classes higher a prompt is that is so many times as long, the last of them whole."""
    return ceil(log2(max(times, 1.0)) * OCTAVE - 1e-9)
