"""Made-up judged answers: the small model knows topic a alone, the big one everything, and words tell the topic."""

import numpy as np

from router.classify.encoder import Vectors
from weir.judged import Judged

WIDTH = 16


def judged(count: int = 240, noise: float = 0.1) -> Judged:
    chance = np.random.default_rng(5)
    first = np.arange(count) % 2 == 0
    right = np.stack([first, np.ones(count, np.bool_)], axis=1) ^ (chance.random((count, 2)) < noise)
    return Judged(
        name="made_up",
        models=("small", "big"),
        texts=tuple(f"{'apples' if each else 'bridges'} number {i}" for i, each in enumerate(first)),
        topics=tuple("a" if each else "b" for each in first),
        prompt_tokens=np.full(count, 5.0),
        quality=right.astype(np.float64),
        out_tokens=np.tile([20.0, 40.0], (count, 1)),
    )


def embed(texts: object, name: str) -> Vectors:
    """Vectors by the first letter, and some noise by the whole text."""
    out = np.zeros((len(texts), WIDTH), np.float32)  # type: ignore[arg-type]
    for row, text in enumerate(texts):  # type: ignore[arg-type, var-annotated]
        out[row, ord(text[0]) % 8] = 1.0
        out[row, 8 + len(text) % 8] = 0.2
    return out
