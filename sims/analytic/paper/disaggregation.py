"""fleet-sim's prefill and decode pools: two rates, each a little degraded, and the cheapest pair that is enough."""

from dataclasses import dataclass

import numpy as np

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.cards import Card

PREFILL_SHARE, DECODE_SHARE = 0.90, 0.92  # of a pool's rate that is left beside the other
TTFT_FACTOR = 1.80  # for sending the KV
MOST_PREFILL, MOST_DECODE = 32, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """So many prefill and decode cards."""

    prefills: int
    decodes: int
    rate: float  # requests a second
    ttft_ms: float
    tpot_ms: float
    dollars_per_hour: float

    @property
    def cards(self) -> int:
        """Of both pools."""
        return self.prefills + self.decodes


def mean_tokens(lengths: LengthCdf) -> float:
    """Mean total length with every request at the upper end of its piece of the CDF, as the tool takes it."""
    return float(np.dot(lengths.tokens, np.diff((0.0, *lengths.shares))))


def pairs(lengths: LengthCdf, prefill: Card, decode: Card, context: int) -> list[Pair]:
    """Every pair; three quarters of a request's tokens are prompt."""
    total = mean_tokens(lengths)
    prompt, output = float(int(total * 0.75)), float(int(total * 0.25))
    prefill_rate, decode_rate = _rate(prefill, prompt, 1.0, context), _rate(decode, 1.0, output, context)
    chunks = float(np.ceil(prompt / prefill.chunk_tokens))
    ttft_ms = chunks * prefill.step(prefill.slots(context)) * 1e3 * TTFT_FACTOR
    tpot_ms = decode.step(decode.slots(context)) * 1e3
    return [
        Pair(
            prefills=p, decodes=d, ttft_ms=ttft_ms, tpot_ms=tpot_ms,
            rate=min(p * prefill_rate * PREFILL_SHARE, d * decode_rate * DECODE_SHARE),
            dollars_per_hour=p * prefill.price_per_hour + d * decode.price_per_hour,
        )
        for p in range(1, MOST_PREFILL + 1)
        for d in range(1, MOST_DECODE + 1)
    ]  # fmt: skip


def cheapest_pair(found: list[Pair], rate: float, ttft_ms: float, tpot_ms: float) -> Pair | None:
    """The cheapest that serves the rate within both deadlines; None when none does."""
    enough = [one for one in found if one.rate >= rate and one.ttft_ms <= ttft_ms and one.tpot_ms <= tpot_ms]
    return min(enough, key=lambda one: one.dollars_per_hour, default=None)


def _rate(card: Card, prompt: float, output: float, context: int) -> float:
    held_s = float(card.service(np.array([prompt]), np.array([output]), context)[0])
    return card.slots(context) / held_s
