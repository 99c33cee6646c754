"""Encoders and heads that need no model: a text's vector is its first letters, a head says what its name says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from policies.signals.reading import UNKNOWN, Reading
from router.classify.encoder import Embeds, Vectors
from router.classify.features import Seen
from router.classify.port import Made

WIDTH = 26


class Letters:
    """Counts the letters of a text."""

    def __init__(self) -> None:
        self.name, self.width = "letters", WIDTH
        self.calls: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        out = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    out[row, ord(letter) - 97] += 1.0
        lengths: Vectors = np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9).astype(np.float32)
        return np.divide(out, lengths)


class Says:
    """A head that always says the same."""

    def __init__(self, *told: Reading, tier: str = "static") -> None:
        self.told, self.tier = told or (UNKNOWN,), tier

    def readings(self, seen: Seen) -> Sequence[Reading]:
        return [self.told[i % len(self.told)] for i in range(len(seen.grams))]


def made(letters: Letters | None = None, **heads: Says) -> Made:
    """Both tiers the same letters."""
    found: Embeds = letters or Letters()
    return Made(lambda tier: found, heads)


def load(folder: Path | None) -> Made:
    """What a process of its own loads in tests: difficulty is known, and the word `die` is deadly."""
    return made(Dying(), difficulty=Says(Reading(0.75)))


class Dying(Letters):
    """Letters, until somebody says `die`."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        if "die" in texts:
            raise SystemExit(3)
        return super().embed(texts)
