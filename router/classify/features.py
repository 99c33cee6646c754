"""What heads see of a text: embeddings bent by cosines, hashed n-grams, a few counts; computed once for all heads.

The cosines approximate a Gaussian kernel (random Fourier features), so that a linear head on them draws curved borders.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log

import numpy as np

from router.classify.compress import compress
from router.classify.encoder import Embeds, Vectors
from router.classify.ngrams import CHARACTERS, Floats, ngrams, weighted

COSINES: Mapping[str, int] = {"encoder": 3072, "static": 1024}  # their scalar product is the kernel to within 0.03
GAMMA = 0.7  # of exp(-gamma |a - b|^2) between vectors of unit length
BUCKETS = 8192  # of n-grams; a head reads them folded to its own number, a divisor of this
GRAMS = 0.7  # how long the n-grams' part is beside a unit of each embedding
SHAPES = 7
TEXT = "text"
DENSE = {TEXT: (), "static": ("static",), "encoder": ("encoder", "static")}
"""Which embeddings a head of each tier sees; n-grams all of them, and those of the text tier the whole text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What heads see of some texts: cosines by embedding, (texts, COSINES), and n-grams, (texts, BUCKETS)."""

    cosines: Mapping[str, Floats]
    grams: Floats
    shapes: Floats  # (texts, SHAPES)
    texts: Sequence[str] = ()  # whole, however long
    sizes: Sequence[int] = ()  # tokens of all that a model is asked with each; 0 where nobody said

    def of_tier(self, tier: str, rarity: Floats) -> Floats:
        """All features of one tier side by side, n-grams by rarity; shape (texts, width)."""
        parts = [self.cosines[name] for name in DENSE[tier]]
        grams = weighted(self.folded(len(rarity)), rarity)
        return np.concatenate([*parts, np.float32(GRAMS) * grams, self.shapes], axis=1)

    def folded(self, buckets: int) -> Floats:
        """N-grams in fewer buckets, shape (texts, buckets)."""
        folded: Floats = self.grams.reshape(len(self.grams), BUCKETS // buckets, buckets).sum(axis=1)
        return folded


def width(tier: str, buckets: int) -> int:
    """How many features a head of this tier has."""
    return SHAPES + buckets + sum(COSINES[name] for name in DENSE[tier])


def see(whole: Sequence[str], read: Sequence[str], vectors: Mapping[str, Vectors], sizes: Sequence[int] = ()) -> Seen:
    """What is seen of texts, whole and as `shown` cuts them, whose cut ones' embeddings are known by name."""
    bent = {name: bend(rows, name) for name, rows in vectors.items()}
    return Seen(
        cosines=bent,
        grams=ngrams(read, BUCKETS),
        shapes=shapes(read, whole),
        texts=whole,
        sizes=sizes or [0] * len(whole),
    )


def shown(texts: Sequence[str]) -> list[str]:
    """Texts as every tier reads them, in training as in serving: long ones cut to their best sentences."""
    return [compress(text) for text in texts]


def shapes(texts: Sequence[str], whole: Sequence[str]) -> Floats:
    """A constant, the whole's length, lines, question, odd characters, capitals, variety of words; about as wide."""
    rows = [_shape(text[:CHARACTERS], len(all_of_it)) for text, all_of_it in zip(texts, whole, strict=True)]
    return np.array(rows, np.float32).reshape(-1, SHAPES)


ODD = re.compile(r"[^\w\s]|_")
CAPITALS = bytes(range(ord("A"), ord("Z") + 1))


def _shape(text: str, whole: int) -> list[float]:
    length, words = max(len(text), 1), text.split()
    odd, loud = len(ODD.findall(text)) / length, _capitals(text) / length
    asked, lines = text.rstrip().endswith("?"), "\n" in text.strip()
    variety = len(set(words)) / max(len(words), 1)
    return [1.0, 0.15 * log(max(whole, 1)) - 0.7, 0.4 * lines, 0.4 * asked, 4 * odd, 4 * loud, 1.3 * variety]


def _capitals(text: str) -> int:
    if text.isascii():
        return len(text) - len(text.encode().translate(None, CAPITALS))
    return sum(map(str.isupper, text))


def look(texts: Sequence[str], encoders: Mapping[str, Embeds]) -> Seen:
    """What is seen of texts, embedding them now."""
    read = shown(texts)
    return see(texts, read, {name: encoder.embed(read) for name, encoder in encoders.items()})


def bend(vectors: Vectors, name: str) -> Floats:
    """Cosine features of one encoder's vectors, float32, shape (texts, COSINES[name])."""
    directions, shifts = _draw(vectors.shape[1], name)
    bent: Floats = np.cos(vectors @ directions + shifts)
    bent *= np.float32(np.sqrt(2 / COSINES[name]))
    return bent


@cache
def _draw(width: int, name: str) -> tuple[Floats, Floats]:
    """The random directions: the same in every process, as heads were trained on them."""
    chance = np.random.Generator(np.random.PCG64([width, *name.encode()]))
    directions = chance.standard_normal((width, COSINES[name])) * np.sqrt(2 * GAMMA)
    return directions.astype(np.float32), chance.uniform(0, 2 * np.pi, COSINES[name]).astype(np.float32)
