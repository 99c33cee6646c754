"""What the classifier tells learners beside signals: a text's embedding in few dimensions, and each model's quality."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from policies.select.columns import EMBEDDING, vector_reading
from policies.signals.reading import UNKNOWN, Reading
from router.classify.encoder import Vectors
from router.classify.ngrams import Floats
from router.learn.select_head import SelectHead

CHARACTERS_A_TOKEN = 4.0


def projected(vector: Vectors, name: str) -> Reading:
    """A text's vector in as many dimensions as the reading's name says, each about as wide as a flag.

    By random directions, the same in every process: scalar products are kept on average, and nothing is to be fitted.
    """
    told = name.removeprefix(EMBEDDING)
    dimensions = int(told) if told.isdecimal() else 0
    return vector_reading((vector @ directions(len(vector), dimensions)).tolist()) if dimensions else UNKNOWN


@cache
def directions(width: int, dimensions: int) -> Floats:
    """Random directions, shape (width, dimensions), in which unit vectors have a spread of one half."""
    chance = np.random.Generator(np.random.PCG64([width, dimensions]))
    return (0.5 * chance.standard_normal((width, dimensions))).astype(np.float32)


def foretold(head: SelectHead, texts: Sequence[str], vectors: Callable[[str], Vectors]) -> list[Reading]:
    """Every model's expected quality of each text; `vectors` gives the texts' by the encoder's name."""
    tokens = [max(len(text) / CHARACTERS_A_TOKEN, 1.0) for text in texts]
    found = head.expect(texts, tokens, lambda _, name: vectors(name))
    return [_reading(head, row) for row in found]


def _reading(head: SelectHead, row: Floats) -> Reading:
    best = int(row.argmax())
    return Reading(float(row[best]), head.models[best], dict(zip(head.models, row.tolist(), strict=True)))
