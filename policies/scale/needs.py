"""How many replicas of each role a demand takes: what a switch of roles is decided by. Kingman's formula and a batch
that keeps the time per token, both over the latency model that routing predicts with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log, sqrt

from policies.perf.latency import LatencyModel

LATE = 0.1
"""Share of requests that may miss a deadline: the tails below are those beyond it."""

TAIL = 1.28
"""Standard deviations beyond which that share of a normal law lies."""

LONG = 2.0
"""A long prompt or a short answer is so many times as long, or as short, as the mean: their deadlines count too."""

FULL = 0.8
"""Share of its time that a mixed replica may compute prompts, however loose the time per token is."""

HALVINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of a fleet: means over some seconds."""

    rate: float  # requests a second
    prompt_tokens: float  # to be computed, of a request
    output_tokens: float  # of an answer
    burst: float = 1.0  # variance over mean of how many come at a time; 1 where they come independently
    behind: float = 0.0  # requests a second more for whom prompts wait already


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """What a request is promised, in seconds."""

    ttft_s: float
    tpot_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Replicas of each role that the whole demand would take; inf where that role cannot keep the deadlines at all."""

    prefill: float
    spare: float  # prefill replicas more, lest a prompt waits too long
    decode: float
    mixed: float


def needs(demand: Demand, perf: LatencyModel, deadlines: Deadlines) -> Needs:
    """The replicas that a demand takes within the deadlines, nine requests in ten; a demand above zero."""
    prompt_s = prompt_seconds(perf, demand.prompt_tokens)
    slack_s = deadlines.ttft_s - perf.frontend_s - prompt_s
    if slack_s <= 0.0:
        return Needs(prefill=inf, spare=0.0, decode=inf, mixed=inf)
    slack_s = max(slack_s - (LONG - 1.0) * prompt_s, LATE * deadlines.ttft_s)
    return Needs(
        prefill=(demand.rate + demand.behind) * prompt_s,
        spare=-log(LATE) * 0.5 * (demand.burst + 1.0) * prompt_s / slack_s,
        decode=_over(demand, decode_rate(demand, perf, deadlines.tpot_s)),
        mixed=_over(demand, mixed_rate(demand, perf, deadlines.tpot_s)),
    )


def prompt_seconds(perf: LatencyModel, tokens: float) -> float:
    """Seconds of a prefill replica that one prompt takes, its share of each step's fixed part among them."""
    fixed_s = perf.prefill_base_s * tokens / perf.chunk_tokens
    return perf.slowdown * (fixed_s + perf.token_s * tokens + perf.attention_s * tokens * tokens / 2.0)


def decode_rate(demand: Demand, perf: LatencyModel, tpot_s: float) -> float:
    """Answers a second that one decode replica gives within the time per token; 0 where it can give none."""
    gaps = max(demand.output_tokens - 1.0, 1.0)
    moved_s = perf.transfer_seconds(demand.prompt_tokens) * LONG / gaps
    batch = _largest(demand, perf, lambda batch: _step(demand, perf, batch) + moved_s <= tpot_s)
    return batch / (gaps * _step(demand, perf, batch)) if batch > 0.0 else 0.0


def mixed_rate(demand: Demand, perf: LatencyModel, tpot_s: float) -> float:
    """Requests a second that one mixed replica serves: every answer is held up by the prompts that come meanwhile.

    With B decoding and answers of O tokens, B prompts come in the time of one answer: B·s/O seconds more a token, and
    by chance some more.
    """
    prompt_s, gaps = prompt_seconds(perf, demand.prompt_tokens), max(demand.output_tokens - 1.0, 1.0)

    def token_s(batch: float) -> float:
        return _step(demand, perf, batch) + batch * prompt_s / gaps

    def late_s(batch: float) -> float:
        return token_s(batch) + TAIL * prompt_s * sqrt(batch * demand.burst * LONG) / gaps

    batch = _largest(demand, perf, lambda batch: late_s(batch) <= tpot_s)
    return min(batch / (gaps * token_s(batch)), FULL / prompt_s) if batch > 0.0 else 0.0


def _step(demand: Demand, perf: LatencyModel, batch: float) -> float:
    return perf.decode_seconds(batch, batch * (demand.prompt_tokens + 0.5 * demand.output_tokens))


def _largest(demand: Demand, perf: LatencyModel, keeps: Callable[[float], bool]) -> float:
    """The largest batch that keeps a bound and fits into the replica; 0 where not even one request does."""
    held = demand.prompt_tokens + 0.5 * demand.output_tokens
    low, high = 1.0, min(float(perf.max_seqs), perf.kv_tokens / max(held, 1.0))
    if high < low or not keeps(low):
        return 0.0
    if keeps(high):
        return high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low


def _over(demand: Demand, rate: float) -> float:
    return demand.rate / rate if rate > 0.0 else inf
