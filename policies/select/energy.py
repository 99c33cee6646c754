"""Joules that a request takes on a replica, shared out as its dollars are: its prompt alone, its part of the batch."""

from policies.fleet import (
    BUSY_W,
    CONTEXT_J,
    CONTEXT_TOKENS,
    IDLE_W,
    LIMIT_W,
    MAX_SEQS,
    QUEUED_TOKENS,
    RUNNING,
    SEQUENCE_J,
    WAITING,
    Table,
)
from policies.perf.latency import FULL_POWER_TOKENS, POWER_EXPONENT
from policies.request import Ask
from policies.select.congestion import Spot, prompt_seconds


def joules(ask: Ask, fleet: Table, spot: Spot) -> float:
    """Of the whole request where it would go; no watts are known of a replica that nobody described."""
    return prompt_joules(ask, fleet, spot) + answer_joules(ask, fleet, spot)


def prompt_joules(ask: Ask, fleet: Table, spot: Spot) -> float:
    """Of computing what is not cached of the prompt, the replica doing nothing else."""
    idle_w, limit_w = float(fleet[spot.row, IDLE_W]), float(fleet[spot.row, LIMIT_W])
    tokens = max(ask.prompt_tokens - spot.cached_tokens, 1.0)
    share = float(min(1.0, tokens / FULL_POWER_TOKENS) ** POWER_EXPONENT)
    watts = max(idle_w, limit_w * share)
    return watts * prompt_seconds(ask, fleet, spot.row, spot.cached_tokens)


def answer_joules(ask: Ask, fleet: Table, spot: Spot) -> float:
    """Of the request's share of the batch while it decodes, beside all that run or wait there now."""
    there = fleet[spot.decode]
    batch = min(float(there[RUNNING] + there[WAITING]) + 1.0, float(there[MAX_SEQS]))
    context = float(there[CONTEXT_TOKENS] + there[QUEUED_TOKENS]) + ask.prompt_tokens + 0.5 * ask.expected_tokens
    step_j = float(there[SEQUENCE_J]) * batch + float(there[CONTEXT_J]) * context
    step_j = min(float(there[BUSY_W]) * spot.tpot_s + step_j, float(there[LIMIT_W]) * spot.tpot_s)
    return step_j * ask.expected_tokens / max(batch, 1.0)
