"""Long prompts cut to the sentences that tell what they are about; for classifiers alone, never for a model.

A sentence's worth is 0.20 TextRank + 0.40 position + 0.35 TF-IDF + 0.05 novelty, the weights of FastRouter
(arXiv 2603.12646); the first three and the last two go before all others.
"""

import re
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

TOKENS = 128
CHARACTERS_A_TOKEN = 4.2  # of prose; a text denser than that is cut by the encoder
RANK, POSITION, TELLING, NOVELTY = 0.20, 0.40, 0.35, 0.05
DEPTH = 0.5  # how deep the dip of the position's worth is in the middle
FIRST, LAST = 3, 2
MOST_SENTENCES = 500
LONGEST = 240  # characters of a sentence; a longer one is several
BUCKETS = 256
DAMPING, ROUNDS = 0.85, 12

END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
WORD = re.compile(r"\w{4,40}")  # shorter ones stand in every sentence

Matrix = npt.NDArray[np.float32]


def compress(text: str, tokens: int = TOKENS) -> str:
    """The text where it is short enough, or the best of its sentences in their order, about so many tokens long."""
    room = int(tokens * CHARACTERS_A_TOKEN)
    if len(text) <= room:
        return text
    said = sentences(text) or [text[:LONGEST]]
    kept, used = set[int](), 0
    for i in _order(said):
        if used + len(said[i]) + 1 <= room:
            kept.add(i)
            used += len(said[i]) + 1
    return " ".join(said[i] for i in sorted(kept)) if kept else text[:room]


def sentences(text: str) -> list[str]:
    """The sentences of a text, long ones in pieces; from the beginning and the end where there are too many."""
    parts = [part.strip() for part in END.split(text)]
    found = [part[at : at + LONGEST] for part in parts if part for at in range(0, len(part), LONGEST)]
    half = MOST_SENTENCES // 2
    return found if len(found) <= MOST_SENTENCES else found[:half] + found[-half:]


def _order(said: list[str]) -> list[int]:
    n = len(said)
    edges = [i for pair in zip(range(FIRST), range(n - 1, n - 1 - FIRST, -1), strict=True) for i in pair]
    first = [i for i in dict.fromkeys(edges) if 0 <= i < n and (i < FIRST or i >= n - LAST)]
    worth = worths(said)
    return first + [int(i) for i in np.argsort(-worth, kind="stable") if int(i) not in first]


def worths(said: list[str]) -> Matrix:
    """How much each sentence tells, 0 to 1; shape (sentences,)."""
    counts = _counts(said)
    inverse: Matrix = np.log1p(len(said) / np.maximum((counts > 0).sum(axis=0), 1)).astype(np.float32)
    weighted: Matrix = counts * inverse
    lengths = np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-6)
    alike = (weighted / lengths) @ (weighted / lengths).T
    telling = weighted.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)
    place = np.linspace(-1.0, 1.0, len(said), dtype=np.float32)
    position = 1.0 - DEPTH * (1.0 - place * place)
    found = RANK * _scaled(_rank(alike)) + POSITION * position + TELLING * _scaled(telling) + NOVELTY * _novelty(alike)
    return np.asarray(found, np.float32)


def _counts(said: list[str]) -> Matrix:
    places = [row * BUCKETS + _bucket(word) for row, one in enumerate(said) for word in WORD.findall(one.lower())]
    counts = np.bincount(np.array(places, np.int64), minlength=len(said) * BUCKETS)
    return counts.reshape(len(said), BUCKETS).astype(np.float32)


@lru_cache(maxsize=16_384)
def _bucket(word: str) -> int:
    return crc32(word.encode("utf-8", "replace")) % BUCKETS


def _rank(alike: Matrix) -> Matrix:
    """TextRank: how much a sentence is like those that are like others."""
    links = alike - np.diag(np.diag(alike))
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1e-6)
    rank = np.full(len(alike), 1.0 / len(alike), np.float32)
    for _ in range(ROUNDS):
        rank = (1.0 - DAMPING) / len(alike) + DAMPING * (rank @ links)
    return rank


def _novelty(alike: Matrix) -> Matrix:
    """How little a sentence is like any before it."""
    before = np.tril(alike, -1)
    found: Matrix = 1.0 - before.max(axis=1)
    return found


def _scaled(values: Matrix) -> Matrix:
    span = float(values.max() - values.min())
    found: Matrix = (values - values.min()) / max(span, 1e-9)
    return found
