"""Prompts of known lengths, and heads of every learned signal with the shapes that trained ones have."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from policies.signals.learned import LEARNED
from router.classify.features import width
from router.classify.lengths import HEAVY, NAMES, Lengths
from router.classify.linear import Linear
from router.classify.load import load as load_kept
from router.classify.pii.context import ROWS
from router.classify.pii.tagger import Tagger, allowed
from router.classify.port import ENCODER, STATIC, Head, Made

SIZES = (64, 256, 2048)  # tokens
PII = "pii"  # reads the whole text, on no tier
SAID = (
    "the model of a system that reads each request and decides where it goes must be quick because people wait for "
    "answers while machines work and every question about law physics history or money has its own best reader"
)
LETTERS = "etaoinshrdlucmfw"
RARE = 20_000  # other words than those, made up; drawn by Zipf's law, so that any prompt may have words that are new
OFTEN = 0.8  # share of the common ones
TOKENS_A_WORD = 1.0, 3.2  # of the common ones, all in the vocabulary, and of the made-up ones
BUCKETS = 2048  # of n-grams that a head keeps
MODELS, BINS, KINDS = 30, 10, 17  # of lengths, and of personal data


@cache
def words() -> tuple[list[str], list[str]]:
    """Common words, and rare ones that are made up: the same in every process."""
    chance = np.random.default_rng(0)
    rare = ["".join(chance.choice(list(LETTERS), int(chance.integers(4, 9)))) for _ in range(RARE)]
    return SAID.split(), rare


def prompt(tokens: int, seed: int) -> str:
    """Sentences of common and rare words, about so many tokens long."""
    chance, said, left = np.random.default_rng([tokens, seed]), list[str](), float(tokens)
    common, rare = words()
    while left > 0:
        length = min(int(chance.integers(7, 18)), max(int(left) - 1, 1))
        often = chance.random(length) < OFTEN
        one = [common[int(chance.integers(len(common)))] if each else _rare(chance, rare) for each in often]
        said.append(" ".join(one).capitalize() + ".")
        left -= float(np.where(often, *TOKENS_A_WORD).sum()) + 1
    return " ".join(said)


def _rare(chance: np.random.Generator, rare: list[str]) -> str:
    return rare[int(len(rare) ** chance.random()) - 1]  # the r-th word comes as often as 1/r


def all_heads(tier: str) -> Made:
    """A head for every learned signal on one tier; what they say means nothing, what they take is real."""
    return Made(cache(load_kept(None).tier), _heads(tier), _heads(STATIC) if tier == ENCODER else {})


def _heads(tier: str) -> Mapping[str, Head]:
    together: dict[str, Head] = dict.fromkeys((*NAMES, HEAVY), _lengths(tier))
    linear = {name: _head(name, told.labels, tier) for name, told in LEARNED.items() if name not in together}
    return {**linear, **together, PII: _tagger()}


def on_encoder(folder: Path | None) -> Made:
    """What a classifier's process loads here."""
    return all_heads(ENCODER)


def on_static(folder: Path | None) -> Made:
    """The same on the light tier."""
    return all_heads(STATIC)


def _head(name: str, labels: tuple[str, ...], tier: str) -> Linear:
    known = labels or ("no", "yes")
    weights = np.random.default_rng(len(name)).normal(size=(width(tier, BUCKETS), len(known))).astype(np.float32)
    rarity = np.ones(BUCKETS, np.float32)
    return Linear(
        name=name, tier=tier, labels=known, weights=weights, rarity=rarity, mean=np.zeros(len(known), np.float32)
    )


def _lengths(tier: str) -> Lengths:
    weights = np.random.default_rng(0).normal(scale=0.1, size=(width(tier, BUCKETS), MODELS)).astype(np.float32)
    middles = np.tile(np.linspace(2, 7, BINS, dtype=np.float32), (MODELS, 1))
    factors = np.tile(np.array([0.9, 1.4, 2.0], np.float32), (MODELS, BINS, 1))
    names = tuple(map(str, range(MODELS)))
    return Lengths(
        models=names, tier=tier, weights=weights, rarity=np.ones(BUCKETS, np.float32),
        mean=np.full(MODELS, 5, np.float32), middles=middles, factors=factors, long=np.ones(2, np.float32),
    )  # fmt: skip


def _tagger() -> Tagger:
    chance, tags = np.random.default_rng(0), 1 + 2 * KINDS
    table = chance.normal(scale=0.1, size=(ROWS, tags)).astype(np.float32)
    table[:, 0] += 0.5  # most tokens are in no span
    return Tagger(kinds=tuple(map(str, range(KINDS))), table=table, after=allowed(KINDS))
