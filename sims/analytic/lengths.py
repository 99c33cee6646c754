"""A published distribution of request lengths: points of its CDF, and lengths even between two of them."""

import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FOLDER = Path(__file__).parent / "cdfs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCdf:
    """Share of requests no longer than so many tokens, at rising points; between them lengths are equally likely."""

    tokens: tuple[float, ...]
    shares: tuple[float, ...]  # the last is 1

    @classmethod
    def of(cls, points: tuple[tuple[float, float], ...]) -> Self:
        """From (tokens, share) points; raises ValueError unless tokens rise from above 0 and shares up to 1."""
        tokens, shares = (tuple(float(value) for value in column) for column in zip(*points, strict=True))
        rising = all(a < b for a, b in pairwise((0.0, *tokens)))
        if not rising or shares[-1] != 1.0 or not all(a <= b for a, b in pairwise((0.0, *shares))):
            raise ValueError(f"tokens must rise from above 0, shares never fall and end at 1: {points}")
        return cls(tokens=tokens, shares=shares)

    def share(self, tokens: float) -> float:
        """Share of requests no longer than that."""
        return float(np.interp(tokens, (0.0, *self.tokens), (0.0, *self.shares)))

    def moment(self, power: int = 1) -> float:
        """The exact mean of lengths to that power."""
        edges, shares = np.array((0.0, *self.tokens)), np.array((0.0, *self.shares))
        grown = np.diff(edges ** (power + 1)) / ((power + 1) * np.diff(edges))
        return float(np.dot(np.diff(shares), grown))

    def below(self, boundary: float) -> Self:
        """Those no longer than the boundary; raises ValueError when there are none."""
        share = self.share(boundary)
        if share <= 0.0:
            raise ValueError(f"no request is as short as {boundary:g} tokens")
        kept = [(t, f / share) for t, f in zip(self.tokens, self.shares, strict=True) if t < boundary]
        return type(self).of((*kept, (boundary, 1.0)))

    def above(self, boundary: float) -> Self:
        """Those longer than the boundary; raises ValueError when there are none."""
        share = self.share(boundary)
        if share >= 1.0:
            raise ValueError(f"no request is longer than {boundary:g} tokens")
        rest = [(t, (f - share) / (1.0 - share)) for t, f in zip(self.tokens, self.shares, strict=True) if t > boundary]
        start = ((boundary, 0.0),) if boundary > 0.0 else ()
        return type(self).of((*start, *rest[:-1], (rest[-1][0], 1.0)))

    def points(self, each: int = 16) -> tuple[Floats, Floats]:
        """Lengths and shares that stand for the distribution: `each` even strips between any two points of it."""
        edges, shares = (0.0, *self.tokens), (0.0, *self.shares)
        middles = (np.arange(each) + 0.5) / each
        pieces = [(low + (high - low) * middles, (to - at) / each) for low, high, at, to in _pieces(edges, shares)]
        return np.concatenate([x for x, _ in pieces]), np.concatenate([np.full(each, w) for _, w in pieces])

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Token counts of `count` requests."""
        return np.interp(rng.random(count), (0.0, *self.shares), (0.0, *self.tokens))


def _pieces(edges: tuple[float, ...], shares: tuple[float, ...]) -> list[tuple[float, float, float, float]]:
    """(low, high, share at low, share at high) of the pieces that anything lies in."""
    spans = zip(edges, edges[1:], shares, shares[1:], strict=False)
    return [piece for piece in spans if piece[3] > piece[2]]


@cache
def published(name: str) -> LengthCdf:
    """One of the CDFs in sims/analytic/cdfs; raises ValueError naming those there are."""
    known = sorted(path.stem for path in FOLDER.glob("*.toml"))
    if name not in known:
        raise ValueError(f"no published CDF {name!r}; known: {', '.join(known)}")
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return LengthCdf.of(tuple((float(tokens), float(share)) for tokens, share in table["points"]))
