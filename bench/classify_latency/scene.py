"""Prompts of known lengths, and heads of every learned signal with the shapes that trained ones have."""

from functools import cache
from pathlib import Path

import numpy as np

from policies.signals.learned import LEARNED
from router.classify.features import width
from router.classify.linear import Linear
from router.classify.load import load as load_kept
from router.classify.port import ENCODER, STATIC, Head, Made

SIZES = (64, 256, 2048)  # tokens
SAID = (
    "the model of a system that reads each request and decides where it goes must be quick because people wait for "
    "answers while machines work and every question about law physics history or money has its own best reader"
)
WORDS = SAID.split()
TOKENS_A_WORD = 1.0  # of these: all are in the vocabulary
BUCKETS = 2048  # of n-grams that a head keeps


def prompt(tokens: int, seed: int) -> str:
    """Sentences of common words, about so many tokens long."""
    chance = np.random.default_rng([tokens, seed])
    said = []
    while tokens > 0:
        length = min(int(chance.integers(7, 18)), max(tokens - 1, 1))
        said.append(" ".join(chance.choice(WORDS, length)).capitalize() + ".")
        tokens -= round(length * TOKENS_A_WORD) + 1
    return " ".join(said)


def all_heads(tier: str) -> Made:
    """A head for every learned signal on one tier; what they say means nothing, what they take is real."""
    kept = load_kept(None)
    heads: dict[str, Head] = {name: _head(name, told.labels, tier) for name, told in LEARNED.items()}
    return Made(cache(kept.tier), heads)


def on_encoder(folder: Path | None) -> Made:
    """What a classifier's process loads here."""
    return all_heads(ENCODER)


def on_static(folder: Path | None) -> Made:
    """The same on the light tier."""
    return all_heads(STATIC)


def _head(name: str, labels: tuple[str, ...], tier: str) -> Linear:
    known = labels or ("no", "yes")
    chance = np.random.default_rng(len(name))
    weights = chance.normal(size=(width(tier, BUCKETS), len(known))).astype(np.float32)
    rarity = np.ones(BUCKETS, np.float32)
    return Linear(
        name=name, tier=tier, labels=known, weights=weights, rarity=rarity, mean=np.zeros(len(known), np.float32)
    )
