"""A model as an option: what it would cost, when it would answer and how full its replica is, as the fleet stands.

The gateway and the simulator make their options here, of the same table and the same routing policy's placement.
"""

from typing import NamedTuple

from policies.fleet import Table
from policies.request import Ask
from policies.select.congestion import Spot, fullness
from policies.select.energy import joules
from policies.select.port import Option


class Rates(NamedTuple):
    """Dollars of a token."""

    prompt_usd: float  # of one that is computed
    cached_usd: float
    output_usd: float

    def bill(self, prompt_tokens: float, cached_tokens: float, output_tokens: float) -> float:
        """What a request costs."""
        computed = max(prompt_tokens - cached_tokens, 0.0)
        return self.prompt_usd * computed + self.cached_usd * cached_tokens + self.output_usd * output_tokens


def option(model: str, pool: str, ask: Ask, fleet: Table, spot: Spot, rates: Rates) -> Option:
    """A model where the routing policy would send the request; `ask` tells its prompt there and its expected answer.

    Late is what comes past either deadline.
    """
    ttft_s, tpot_s, cached, tokens = spot.ttft_s, spot.tpot_s, spot.cached_tokens, ask.expected_tokens
    after_s = max(tpot_s - ask.tpot_deadline_s, 0.0) * tokens
    return Option(
        model=model,
        pool=pool,
        usd=rates.bill(ask.prompt_tokens, cached, tokens),
        ttft_s=ttft_s,
        e2e_s=ttft_s + tpot_s * tokens,
        over_slo_s=max(ttft_s - ask.ttft_deadline_s, 0.0) + after_s,
        joules=joules(ask, fleet, spot),
        cached_tokens=cached,
        full=fullness(ask, fleet, spot),
    )
