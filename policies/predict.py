"""Predicted seconds and dollars of one request on one replica, from the fleet's columns alone."""

from math import ceil

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import (
    ATTENTION_S,
    BASE_S,
    CHUNK_TOKENS,
    CONTEXT_S,
    CONTEXT_TOKENS,
    DECODE,
    DISK,
    DISK_LOAD_S,
    ENCODE_DECODE,
    EXPERT_S,
    EXPERTS,
    FRONTEND_S,
    HBM,
    HOST,
    HOST_LOAD_S,
    HOST_S,
    KV_TOKENS,
    KV_USED,
    LIMIT_TOKENS,
    MAX_SEQS,
    MIXED,
    MODEL,
    PREFILL,
    PREFILL_BASE_S,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    READY,
    REMOTE_LOAD_S,
    ROLE,
    RUNNING,
    SEQUENCE_S,
    SLOWDOWN,
    TIERS,
    TOKEN_S,
    TOP_K,
    USD_PER_S,
    WAITING,
    Table,
)
from policies.perf.step import step_seconds
from policies.request import Ask


@compilable
def takes(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether the prompt and all that the client lets be generated fit into replica i."""
    return bool(ask.prompt_tokens + max(ask.max_tokens, 1.0) <= fleet[i, LIMIT_TOKENS])


@compilable
def computes(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether replica i is ready to compute the request's prompt, whoever decodes it, and takes so long a one."""
    ready = fleet[i, READY] > 0.0 and fleet[i, MODEL] == ask.model
    computing = fleet[i, ROLE] == MIXED or fleet[i, ROLE] == PREFILL
    return bool(ready and computing and takes(ask, fleet, i))


@compilable
def decodes(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether replica i is ready to decode what a prefill replica computed, and takes so much."""
    ready = fleet[i, READY] > 0.0 and fleet[i, MODEL] == ask.model
    decoding = fleet[i, ROLE] == DECODE or fleet[i, ROLE] == ENCODE_DECODE
    return bool(ready and decoding and takes(ask, fleet, i))


@compilable
def anybody_decodes(ask: Ask, fleet: Table) -> bool:
    """Whether there is such a replica; sought from both ends, where a fleet's file has its decode pool."""
    last = len(fleet) - 1
    for i in range((last + 2) // 2):  # noqa: SIM110  (numba compiles no generator)
        if decodes(ask, fleet, i) or decodes(ask, fleet, last - i):
            return True
    return False


@compilable
def eligible(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether the prompt may go to replica i: ready, right model, and somebody ready to decode it."""
    return bool(computes(ask, fleet, i) and (fleet[i, ROLE] == MIXED or anybody_decodes(ask, fleet)))


@compilable
def step_at(fleet: Table, i: int, batch: float, context: float, prefill: float, attended: float) -> float:
    """Seconds of one engine step of replica i, see `policies.perf.step`."""
    return float(step_seconds(
        fleet[i, BASE_S], fleet[i, SEQUENCE_S], fleet[i, CONTEXT_S],
        fleet[i, EXPERT_S], fleet[i, EXPERTS], fleet[i, TOP_K],
        fleet[i, PREFILL_BASE_S], fleet[i, TOKEN_S], fleet[i, ATTENTION_S],
        fleet[i, SLOWDOWN], fleet[i, HOST_S], batch, context, prefill, attended,
    ))  # fmt: skip


@compilable
def uncached_tokens(ask: Ask, cached: Cached, i: int) -> float:
    """Prompt tokens that replica i must compute; the last one always, for its logits."""
    return float(max(ask.prompt_tokens - cached[i, HBM], 1.0))


@compilable
def load_seconds(fleet: Table, i: int, tier: int) -> float:
    """Seconds to bring one cached token of a slower tier to replica i."""
    if tier == HOST:
        return float(fleet[i, HOST_LOAD_S])
    return float(fleet[i, DISK_LOAD_S] if tier == DISK else fleet[i, REMOTE_LOAD_S])


@compilable
def saved_by_tiers(ask: Ask, fleet: Table, cached: Cached, i: int) -> tuple[float, float]:
    """Tokens worth fetching from slower tiers rather than computing, and the seconds the fetch takes."""
    tokens, seconds, held = 0.0, 0.0, cached[i, HBM]
    compute_s = fleet[i, TOKEN_S] * fleet[i, SLOWDOWN]
    for tier in range(HOST, TIERS):
        extra = min(cached[i, tier], ask.prompt_tokens - 1.0) - held
        load_s = load_seconds(fleet, i, tier)
        if extra > 0.0 and load_s < compute_s:
            tokens, seconds, held = tokens + extra, seconds + extra * load_s, held + extra
    return tokens, seconds


@compilable
def admission_wait(ask: Ask, fleet: Table, i: int, step_s: float, needed: float) -> float:
    """Seconds until running requests have freed the KV tokens and the slot this request needs.

    A full replica turns over all its slots and all its KV tokens in the time that one answer takes, L·step.
    """
    over_tokens = fleet[i, KV_USED] + needed - fleet[i, KV_TOKENS]
    over_slots = fleet[i, RUNNING] + fleet[i, WAITING] + 1.0 - fleet[i, MAX_SEQS]
    if over_tokens <= 0.0 and over_slots <= 0.0:
        return 0.0
    share = max(over_tokens / fleet[i, KV_TOKENS], over_slots / fleet[i, MAX_SEQS])
    return float(share * max(ask.expected_tokens, 1.0) * step_s)


@compilable
def in_flight_seconds(fleet: Table, i: int) -> float:
    """Seconds until replica i can begin a step with this request in it: half a step of the batch, on average."""
    batch = fleet[i, RUNNING]
    return 0.5 * step_at(fleet, i, batch, fleet[i, CONTEXT_TOKENS], 0.0, 0.0) if batch > 0.0 else 0.0


@compilable
def ttft_seconds(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """Predicted seconds from now to the first token on replica i: wait + the prompts ahead + its own prompt.

    The chunks of all those prompts run beside the batch that decodes; what a step costs whatever it computes is paid
    per chunk, what a token costs per token.
    """
    fetched, fetch_s = saved_by_tiers(ask, fleet, cached, i)
    mine = max(uncached_tokens(ask, cached, i) - fetched, 1.0)
    ahead, batch = fleet[i, QUEUED_TOKENS], fleet[i, RUNNING]
    steps = ceil((ahead + mine) / max(fleet[i, CHUNK_TOKENS] - batch, 1.0))
    attended = fleet[i, QUEUED_ATTENDED] + mine * (ask.prompt_tokens - mine * 0.5)
    step_s = step_at(fleet, i, batch, fleet[i, CONTEXT_TOKENS], 1.0, 0.0)
    tokens_s = fleet[i, TOKEN_S] * (ahead + mine - steps) + fleet[i, ATTENTION_S] * attended
    wait = admission_wait(ask, fleet, i, step_s, mine) + in_flight_seconds(fleet, i)
    return float(fleet[i, FRONTEND_S] + wait + fetch_s + steps * step_s + fleet[i, SLOWDOWN] * tokens_s)


@compilable
def tpot_seconds(ask: Ask, fleet: Table, i: int) -> float:
    """Predicted seconds per output token on replica i once this request and those waiting run beside the others."""
    batch = min(fleet[i, RUNNING] + fleet[i, WAITING] + 1.0, fleet[i, MAX_SEQS])
    context = fleet[i, CONTEXT_TOKENS] + fleet[i, QUEUED_TOKENS] + ask.prompt_tokens + 0.5 * ask.expected_tokens
    return step_at(fleet, i, batch, context, 0.0, 0.0)


@compilable
def longer_seconds(ask: Ask, fleet: Table, i: int) -> float:
    """Seconds by which each step of replica i is longer while this request decodes there."""
    context = ask.prompt_tokens + 0.5 * ask.expected_tokens
    per_step_s = fleet[i, SLOWDOWN] * (fleet[i, SEQUENCE_S] + fleet[i, CONTEXT_S] * context) + fleet[i, HOST_S]
    return float(per_step_s)


@compilable
def delay_to_others_seconds(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """Seconds that the requests already on replica i lose, all together, if this one joins them.

    Its prompt is computed ahead of their next tokens, and while it decodes it makes each of their steps longer.
    """
    mine = uncached_tokens(ask, cached, i)
    attended = mine * (ask.prompt_tokens - mine * 0.5)
    prefill_s = fleet[i, SLOWDOWN] * (fleet[i, TOKEN_S] * mine + fleet[i, ATTENTION_S] * attended)
    longer_s = longer_seconds(ask, fleet, i)
    return float((fleet[i, RUNNING] + fleet[i, WAITING]) * (prefill_s + longer_s * ask.expected_tokens))


@compilable
def pressure(ask: Ask, step_s: float, comfort: float) -> float:
    """How much seconds after the first token count, 0 to 1: in full from a share of the deadline on, below it by the
    cube of the way there."""
    way = min(step_s / (comfort * max(ask.tpot_deadline_s, 1e-9)), 1.0)
    return float(way * way * way)


@compilable
def prefill_usd(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """Dollars of replica i's time that computing the prompt alone takes."""
    mine = uncached_tokens(ask, cached, i)
    prefill_s = step_at(fleet, i, 0.0, 0.0, mine, mine * (ask.prompt_tokens - mine * 0.5))
    return float(prefill_s * fleet[i, USD_PER_S])


@compilable
def decode_usd(ask: Ask, fleet: Table, i: int) -> float:
    """Dollars of replica i's time for the request's share of the batch while it decodes."""
    batch = min(fleet[i, RUNNING] + fleet[i, WAITING] + 1.0, fleet[i, MAX_SEQS])
    return float(tpot_seconds(ask, fleet, i) * ask.expected_tokens / batch * fleet[i, USD_PER_S])


@compilable
def cost_usd(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """Dollars of replica time this request takes: its prefill alone, and its share of the batch while it decodes."""
    return prefill_usd(ask, fleet, cached, i) + decode_usd(ask, fleet, i)
