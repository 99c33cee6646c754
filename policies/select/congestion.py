"""How near a replica is to what it can bear, and what a request costs there now: busy is dear, idle is cheap.

A model is chosen for what its answer is worth less what it costs. At list prices the share of requests that each model
gets is the same at all hours, so each model's replicas must be enough for its own peak. A price that rises with the
load moves requests whose answers are nearly as good elsewhere, and each model's replicas need be enough for its mean.
"""

from policies.fleet import CONTEXT_TOKENS, KV_TOKENS, KV_USED, QUEUED_TOKENS, RUNNING, SLOWDOWN, TOKEN_S, WAITING, Table
from policies.request import Ask

COMFORT = 0.8
"""The fullness at which a request costs what the list says."""


def steady_tpot_seconds(ask: Ask, fleet: Table, row: int, tpot_s: float) -> float:
    """Seconds a token, prompts of those who come meanwhile among them; `tpot_s` is without them.

    As many come as leave: while each of the running requests decodes one answer, it is replaced by one with a prompt
    like its own, so to every token belong prompt over answer tokens that are computed beside it.
    """
    there = float(fleet[row, RUNNING] + fleet[row, WAITING])
    answer = max(ask.expected_tokens, 1.0)
    held = float(fleet[row, CONTEXT_TOKENS] + fleet[row, QUEUED_TOKENS])
    prompts = max(held - 0.5 * answer * there, 0.0) + ask.prompt_tokens
    return tpot_s + float(fleet[row, SLOWDOWN] * fleet[row, TOKEN_S]) * prompts / answer


def fullness(ask: Ask, fleet: Table, row: int, ttft_s: float, tpot_s: float) -> float:
    """How near the request would bring a replica to a limit: 1 where a deadline is just met, or no KV token is left."""
    kv = float(fleet[row, KV_USED]) + ask.prompt_tokens + ask.expected_tokens
    return max(
        steady_tpot_seconds(ask, fleet, row, tpot_s) / max(ask.tpot_deadline_s, 1e-9),
        ttft_s / max(ask.ttft_deadline_s, 1e-9),
        kv / max(float(fleet[row, KV_TOKENS]), 1.0),
    )


def price_now(usd: float, full: float, surge: float) -> float:
    """Dollars of the list times the surge: 1 where the replica is as full as is comfortable; `surge` 0 is the list."""
    return usd * (full / COMFORT) ** surge if surge else usd
