"""Demand response: cap the batch so that a fleet draws less, and see what the wait becomes."""

from dataclasses import dataclass

from sims.analytic.lengths import LengthCdf
from sims.analytic.paper.cards import HandSet
from sims.analytic.paper.conventions import PRINTED, Conventions
from sims.analytic.paper.service import serve, whole
from sims.analytic.paper.sizing import wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Curtailed:
    """A fleet that gave up a share of its power."""

    batch: int  # most requests of a card
    watts: float  # of a card
    kilowatts: float  # of the fleet
    p99_ms: float  # of TTFT; infinite when the queue grows without end


def curtail(
    lengths: LengthCdf, rate: float, cards: int, one: HandSet, share: float, *, context: int = 8192,
    conventions: Conventions = PRINTED,
) -> Curtailed:  # fmt: skip
    """The fleet with every card's power cut by that share of its full draw."""
    batch = min(one.slots(context), one.batch_within(max(one.idle_w, one.full_w * (1.0 - share))))
    watts = one.watts(batch)
    service = serve(whole(lengths), context, one.capped(batch, context), conventions)
    p99_s = wait(cards, rate, service).quantile(0.99) + service.prefill_s
    return Curtailed(batch=batch, watts=watts, kilowatts=cards * watts / 1e3, p99_ms=p99_s * 1e3)
