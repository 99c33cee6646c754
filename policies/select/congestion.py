"""How near a replica is to what it can bear, and what a request costs there now: busy is dear, idle is cheap.

A model is chosen for what its answer is worth less what it costs. At list prices the share of requests that each model
gets is the same at all hours, so each model's replicas must be enough for its own peak. A price that rises with the
load moves requests whose answers are nearly as good elsewhere, and each model's replicas need be enough for its mean.
"""

from typing import NamedTuple

from policies.fleet import KV_TOKENS, KV_USED, SLOWDOWN, TOKEN_S, Table
from policies.request import Ask
from policies.select.pace import WINDOW_S

COMFORT = 0.8
"""The fullness at which a request costs what the list says."""

SURGE = 6.0
"""How fast prices rise unless something else is said: a tenth fuller is 1.8 times as dear."""

LEAST_FREE = 0.05
"""The share of a replica's time that is left for tokens, however many prompts were sent."""


class Spot(NamedTuple):
    """Where the routing policy would send a request to one model now, and what is predicted of it there."""

    row: int
    decode: int  # the row that would decode: the same one, unless that only computes prompts
    ttft_s: float
    tpot_s: float  # without the prompts of those who come meanwhile
    cached_tokens: float
    busy: float = 0.0  # the share of the row's time that prompts took lately, see `policies.select.pace`


def prompt_seconds(ask: Ask, fleet: Table, row: int, cached_tokens: float) -> float:
    """Seconds in which replica `row` computes what is not cached of the prompt, and nobody there gets a token."""
    return float(fleet[row, SLOWDOWN] * fleet[row, TOKEN_S]) * max(ask.prompt_tokens - cached_tokens, 1.0)


def crowded_tpot_seconds(ask: Ask, fleet: Table, spot: Spot) -> float:
    """Seconds a token, prompts of those who come meanwhile among them: as many as came lately, this one counted.

    Who computes prompts for others to decode holds up nobody's tokens.
    """
    if spot.decode != spot.row:
        return spot.tpot_s
    own = prompt_seconds(ask, fleet, spot.row, spot.cached_tokens) / WINDOW_S
    return spot.tpot_s / max(1.0 - spot.busy - own, LEAST_FREE)


def fullness(ask: Ask, fleet: Table, spot: Spot) -> float:
    """How near the request would bring a replica to a limit: 1 where a deadline is just met, or no KV token is left."""
    kv = _kv_share(ask, fleet, spot.row, spot.cached_tokens)
    if spot.decode != spot.row:
        kv = max(kv, _kv_share(ask, fleet, spot.decode, 0.0))
    return max(
        crowded_tpot_seconds(ask, fleet, spot) / max(ask.tpot_deadline_s, 1e-9),
        spot.ttft_s / max(ask.ttft_deadline_s, 1e-9),
        kv,
    )


def _kv_share(ask: Ask, fleet: Table, row: int, cached_tokens: float) -> float:
    added = max(ask.prompt_tokens - cached_tokens, 0.0) + ask.expected_tokens
    return float((fleet[row, KV_USED] + added) / max(fleet[row, KV_TOKENS], 1.0))


def price_now(usd: float, full: float, surge: float) -> float:
    """Dollars of the list times the surge: 1 where the replica is as full as is comfortable; `surge` 0 is the list."""
    return usd * (full / COMFORT) ** surge if surge else usd
