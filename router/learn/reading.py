"""Training of `policies.select.quality.reader`: ridge regression over embeddings and n-grams in one kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.select.quality.linear import Linear
from policies.select.quality.ngrams import BUCKETS, Grams, Singles, letters, words
from policies.select.quality.port import Floats
from policies.select.quality.reader import Reader

COMMON = 0.03
"""N-grams that more than this share of the texts have count for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be told of every text, and how cautiously."""

    targets: Floats  # shape (texts, answers)
    penalty: float


def fit_reader(features: Floats, texts: Sequence[str], asked: Sequence[Asked]) -> tuple[Reader, Floats]:
    """The reader, its answers in the order asked, and what it would say of each text had it not seen it."""
    grams = Grams(rarity=rarity_of(texts))
    centre = features.mean(axis=0)
    dense, sparse = (features - centre).astype(np.float32), _rows(grams, texts)
    alike = dense @ dense.T + (sparse @ sparse.T).toarray() + np.float32(1.0)  # and what all texts share
    solved = [_solve(alike, each) for each in asked]
    pull = np.concatenate([each[0] for each in solved], axis=1)
    mean = np.concatenate([each.targets.mean(axis=0) for each in asked]) + pull.sum(axis=0)
    linear = Linear(centre=centre, weights=(dense.T @ pull).astype(np.float64), mean=mean)
    reader = Reader(dense=linear, grams=grams, weights=np.asarray(sparse.T @ pull, np.float32))
    return reader, np.concatenate([each[1] for each in solved], axis=1)


def rarity_of(texts: Sequence[str]) -> Singles:
    """The logarithm of how seldom each bucket is met, smoothed as if one more text had them all."""
    among = np.zeros(BUCKETS)
    for text in texts:
        among[np.union1d(words(text), letters(text))] += 1.0
    seldom = 1.0 + np.log((1.0 + len(texts)) / (1.0 + among))
    return np.where(among > max(COMMON * len(texts), 1.0), 0.0, seldom).astype(np.float32)


def _rows(grams: Grams, texts: Sequence[str]) -> Any:
    """The texts' n-grams as a sparse matrix, shape (texts, buckets)."""
    from scipy.sparse import csr_matrix

    told = [grams.of(text) for text in texts]
    ends = np.cumsum([0, *(len(place) for place, _ in told)])
    place, weight = (np.concatenate([each[part] for each in told]) for part in (0, 1))
    return csr_matrix((weight.astype(np.float32), place, ends), shape=(len(texts), BUCKETS))


def _solve(alike: Singles, asked: Asked) -> tuple[Floats, Floats]:
    """How much each text pulls each answer, and the leave-one-out answers, both of shape (texts, answers)."""
    inverse = np.linalg.inv(alike + np.float32(asked.penalty) * np.eye(len(alike), dtype=np.float32))
    pull = inverse @ (asked.targets - asked.targets.mean(axis=0)).astype(np.float32)
    return pull.astype(np.float64), asked.targets - pull / np.diag(inverse)[:, None]
