"""Tokens a joule as fleet-sim counts them: an instance's tokens over one GPU's watts."""

from dataclasses import dataclass

import numpy as np

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.cards import Card, HandSet, card
from sims.analytic.paper.computed import Computed, gpu, shape
from sims.analytic.paper.conventions import PRINTED, Conventions
from sims.analytic.paper.service import Points, serve, whole
from sims.analytic.paper.sizing import least_cards, wait

OUTPUT_SHARE = 0.20
LOADED = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """One pool at its least size."""

    cards: int
    utilisation: float
    watts: float  # of one card
    output_rate: float  # tokens a second of the pool
    p99_ms: float

    @property
    def kilowatts(self) -> float:
        """Of the pool."""
        return self.cards * self.watts / 1e3

    @property
    def tokens_per_joule(self) -> float:
        """Of the pool."""
        return self.output_rate / (self.cards * self.watts)


def full(one: Card, context: int, batch: int | None = None) -> float:
    """Tokens a joule with every slot taken by sequences of half the context, or with a batch of one's own."""
    n = one.slots(context) if batch is None else batch
    return n / one.step(n, context / 2.0) / one.watts(n)


def loaded(one: Card, context: int) -> float:
    """Tokens a joule with 85 % of the slots taken."""
    return full(one, context, max(1, int(one.slots(context) * LOADED)))


def b200(conventions: Conventions = PRINTED) -> HandSet:
    """fleet-sim's B200: the hand-set H100 scaled by the ratio of computed KV and of bandwidth."""
    new, old = (Computed(gpu=gpu(n), shape=shape("llama-70b"), gpus=8, conventions=conventions) for n in NEW_AND_OLD)
    h100, more = card("h100"), new.kv_blocks / old.kv_blocks
    sequence_s = h100.sequence_s * old.gpu.bytes_per_s / new.gpu.bytes_per_s
    return HandSet(
        step_s=new.step_s, sequence_s=sequence_s, chunk_tokens=2048, price_per_hour=64.0,
        kv_blocks=int(h100.kv_blocks * more), most_slots=int(h100.most_slots * more),
        idle_w=0.43 * new.gpu.limit_w, full_w=0.86 * new.gpu.limit_w,
        steepness=1.0, midpoint=float(np.log2(new.step_s / sequence_s)),
    )  # fmt: skip


NEW_AND_OLD = ("b200", "h100")


def pool(
    points: Points, rate: float, one: Card, context: int, conventions: Conventions = PRINTED, deadline_ms: float = 500.0
) -> Efficiency:
    """The least pool for that traffic, and what it draws."""
    service = serve(points, context, one, conventions)
    cards = least_cards(rate, service, deadline_ms, conventions)
    utilisation = rate / (cards * service.rate)
    return Efficiency(
        cards=cards,
        utilisation=utilisation,
        watts=one.watts(max(1, int(utilisation * service.slots))),
        output_rate=rate * mean_output(points),
        p99_ms=(wait(cards, rate, service).quantile(0.99) + service.prefill_s) * 1e3,
    )


def together(pools: list[Efficiency]) -> tuple[int, float, float]:
    """Cards, kilowatts and tokens a joule of several pools."""
    kilowatts = sum(one.kilowatts for one in pools)
    return sum(one.cards for one in pools), kilowatts, sum(one.output_rate for one in pools) / kilowatts / 1e3


def parted(
    lengths: LengthCdf, rate: float, boundary: int, short: tuple[Card, int], long: tuple[Card, int],
    conventions: Conventions = PRINTED,
) -> list[Efficiency]:  # fmt: skip
    """The pools for requests up to and beyond a boundary, each a card and the context of its slots.

    A short context below the boundary compresses what is longer to fit.
    """
    below, above, share = split(lengths, boundary)
    return [
        pool(below, share * rate, *short, conventions),
        pool(above, (1.0 - share) * rate, *long, conventions),
    ]


def split(lengths: LengthCdf, boundary: int) -> tuple[Points, Points, float]:
    """Points up to a boundary, points beyond it, and the share up to it."""
    share = lengths.share(boundary)
    below = [(tokens, upto / share) for tokens, upto in whole(lengths) if tokens < boundary]
    above = [(tokens, (upto - share) / (1.0 - share)) for tokens, upto in whole(lengths) if tokens > boundary]
    return [*below, (boundary, 1.0)], [*above[:-1], (above[-1][0], 1.0)], share


def mean_output(points: Points) -> int:
    """Answer tokens of a request, rounded down; a piece of a CDF that starts beyond a boundary counts from 0, as
    published."""
    edges = np.array([0.0, *(tokens for tokens, _ in points)])
    shares = np.array([0.0, *(share for _, share in points)])
    mean = float(np.dot(np.diff(shares), (edges[:-1] + edges[1:]) / 2.0))
    return max(1, int(OUTPUT_SHARE * mean))
