"""What a card does to a range of lengths: mean service time, its variation, and the prefill before a first token."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.cards import Card, Floats
from sims.analytic.paper.conventions import Conventions

PROMPT_SHARE = 0.8
LEAST_CV2 = 0.01

Points = Sequence[tuple[int, float]]
"""(tokens, share) of a CDF that starts at a floor of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Requests of one pool on one card."""

    slots: int
    mean_s: float  # in a slot
    cv2: float
    prefill_s: float  # alone on the card, mean
    prefill_p99_s: float

    @property
    def rate(self) -> float:
        """Requests a second of one card, all slots taken."""
        return self.slots / self.mean_s


def serve(points: Points, context: int, card: Card, conventions: Conventions, *, floor: int = 1) -> Service:
    """Requests with that CDF, from `floor` tokens on, in slots of `context` tokens; longer ones are cut to fit.

    Raises ValueError for a CDF without points.
    """
    if not points:
        raise ValueError("a CDF needs at least one point")
    if conventions.draws:
        lengths = drawn(points, context, floor, conventions.draws)
        return measure(lengths, np.full(len(lengths), 1.0 / len(lengths)), context, card)
    lengths, weights = exact(points, context, floor)
    return measure(lengths, weights, context, card)


def measure(lengths: Floats, weights: Floats, context: int, card: Card) -> Service:
    """The service of requests of these total lengths, a share each."""
    # Rounded down as published, computed as published: 0.8 times 5 must not fall to 3.
    prompts = np.maximum(np.floor(lengths * PROMPT_SHARE), 1.0)
    outputs = np.maximum(lengths - prompts, 1.0)
    times = card.service(prompts, outputs, context)
    prefills = np.ceil(prompts / card.chunk_tokens) * card.step(1.0)
    mean = float(np.dot(weights, times))
    order = np.argsort(prefills)
    last = int(np.searchsorted(np.cumsum(weights[order]), 0.99 - 1e-12))
    return Service(
        slots=card.slots(context),
        mean_s=mean,
        cv2=max(LEAST_CV2, float(np.dot(weights, times**2)) / mean**2 - 1.0),
        prefill_s=float(np.dot(weights, prefills)),
        prefill_p99_s=float(prefills[order][min(last, len(order) - 1)]),
    )


def drawn(points: Points, context: int, floor: int, count: int) -> Floats:
    """Lengths drawn as the published tool draws them: Python's generator, seed 42, a share and then a length."""
    rng = random.Random(42)
    lengths = [found for _ in range(count) if (found := _draw(rng, points, context, floor))]
    return np.array(lengths, dtype=np.float64)


def _draw(rng: random.Random, points: Points, context: int, floor: int) -> int:
    share, before = rng.random(), 0
    for tokens, upto in points:
        if share <= upto:
            low, high = max(floor, before + 1), min(context, tokens)
            return rng.randint(low, high) if low <= high else context
        before = tokens
    return 0


def exact(points: Points, context: int, floor: int) -> tuple[Floats, Floats]:
    """Every length there can be, and its share."""
    weights = np.zeros(max(context, points[-1][0]) + 1)
    before, reached = 0, 0.0
    for tokens, upto in points:
        low, high = max(floor, before + 1), min(context, tokens)
        if low <= high:
            weights[low : high + 1] += (upto - reached) / (high - low + 1)
        else:
            weights[context] += upto - reached
        before, reached = tokens, upto
    lengths = np.flatnonzero(weights)
    return lengths.astype(np.float64), weights[lengths] / weights.sum()


def whole(lengths: LengthCdf) -> list[tuple[int, float]]:
    """The points of a CDF."""
    return [(int(tokens), share) for tokens, share in zip(lengths.tokens, lengths.shares, strict=True)]


def upto(lengths: LengthCdf, boundary: int) -> list[tuple[int, float]]:
    """The points up to a boundary, the last of them taken for the end: a boundary between two points cuts short."""
    kept = [(tokens, share) for tokens, share in whole(lengths) if tokens <= boundary]
    return [(tokens, share / kept[-1][1]) for tokens, share in kept] if kept else [(boundary, 1.0)]


def beyond(lengths: LengthCdf, boundary: int) -> list[tuple[int, float]]:
    """The points beyond a boundary, shares beginning there; empty when nothing is longer."""
    share = lengths.share(boundary)
    if 1.0 - share <= 1e-6:
        return []
    kept = [(tokens, (upto - share) / (1.0 - share)) for tokens, upto in whole(lengths) if tokens > boundary]
    return [*kept[:-1], (kept[-1][0], 1.0)]
