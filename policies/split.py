"""One request on two replicas: the prompt computed on one, the answer decoded on another, in predicted seconds.

A prefill replica costs the wait there, the prompt, the transfer of its KV and the first token of the decode replica
that is best now; a mixed replica costs neither of the last two, so a short prompt that nobody is ahead of stays where
it can be finished.
Which replica decodes is chosen anew at the hand-over, by the same function on the fleet as it is then.
"""

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import (
    ENCODE,
    ENCODE_DECODE,
    ENCODE_S,
    MODEL,
    PREFILL,
    QUEUED_TOKENS,
    READY,
    ROLE,
    RUNNING,
    SLOWDOWN,
    TRANSFER_BASE_S,
    TRANSFER_S,
    WAITING,
    Table,
)
from policies.predict import (
    admission_wait,
    cost_usd,
    decode_usd,
    decodes,
    in_flight_seconds,
    longer_seconds,
    prefill_usd,
    pressure,
    tpot_seconds,
    ttft_seconds,
)
from policies.request import Ask
from policies.ties import drawn

OWN = 0.1
"""What a second of the request's own decoding weighs against one before its first token."""

OTHERS = 0.15
"""What a second that a request already there loses weighs."""

COMFORT = 0.5
"""Share of the TPOT deadline from which those two count in full."""

NEVER_S = 1.0e300
"""Seconds where nobody decodes."""


@compilable
def prefill_leg(ask: Ask) -> Ask:
    """What a prefill replica is asked for: the prompt and one token."""
    return Ask(ask.coin, ask.session, ask.model, ask.prompt_tokens, 1.0, 1.0, ask.ttft_deadline_s, ask.tpot_deadline_s)


@compilable
def prefill_seconds(ask: Ask, fleet: Table, cached: Cached, i: int) -> float:
    """Predicted seconds until prefill replica i has computed the prompt: wait + the prompts ahead + its own."""
    return ttft_seconds(prefill_leg(ask), fleet, cached, i)


@compilable
def transfer_seconds(ask: Ask, fleet: Table, link_s: float, i: int) -> float:
    """Seconds to bring the prompt's KV to replica i from one whose link takes `link_s` a token; the slower link counts.

    Other transfers on the same links are not known here, nor what replica i has cached.
    """
    return float(fleet[i, TRANSFER_BASE_S] + ask.prompt_tokens * max(link_s, fleet[i, TRANSFER_S]))


@compilable
def first_step_seconds(ask: Ask, fleet: Table, i: int) -> float:
    """Seconds until a prompt that has come to decode replica i gives its first token: a place, its KV tokens, half the
    step in flight and one of its own.
    """
    step_s = tpot_seconds(ask, fleet, i)
    return admission_wait(ask, fleet, i, step_s, ask.prompt_tokens) + in_flight_seconds(fleet, i) + step_s


@compilable
def decode_seconds(ask: Ask, fleet: Table, link_s: float, own: float, others: float, comfort: float, i: int) -> float:
    """Seconds after the prompt is computed that count on decode replica i: transfer, first token, a share after it."""
    step_s = tpot_seconds(ask, fleet, i)
    lost_s = (fleet[i, RUNNING] + fleet[i, WAITING]) * longer_seconds(ask, fleet, i)
    later = pressure(ask, step_s, comfort) * ask.expected_tokens * (own * step_s + others * lost_s)
    return float(transfer_seconds(ask, fleet, link_s, i) + first_step_seconds(ask, fleet, i) + later)


@compilable
def best_decode(ask: Ask, fleet: Table, link_s: float, own: float, others: float, comfort: float) -> tuple[int, float]:
    """The decode replica of the least such seconds, ties by a hash draw, and the seconds; -1 where there is none."""
    best, least, first = -1, NEVER_S, 0
    for i in range(len(fleet)):
        if decodes(ask, fleet, i):
            seconds = decode_seconds(ask, fleet, link_s, own, others, comfort, i)
            if seconds > least:
                continue
            draw = drawn(ask, fleet, i)
            if seconds < least or draw < first:
                best, least, first = i, seconds, draw
    return best, least


@compilable
def decoder(ask: Ask, fleet: Table, i: int) -> int:
    """Where to decode what replica i computes, or has just computed; -1 where nobody can."""
    best, _ = best_decode(ask, fleet, fleet[i, TRANSFER_S], OWN, OTHERS, COMFORT)
    return best


@compilable
def encodes(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether replica i is ready to encode images for those who compute prompts."""
    ready = fleet[i, READY] > 0.0 and fleet[i, MODEL] == ask.model
    return bool(ready and (fleet[i, ROLE] == ENCODE or fleet[i, ROLE] == ENCODE_DECODE))


@compilable
def encode_seconds(fleet: Table, visual_tokens: float, i: int) -> float:
    """Predicted seconds until replica i has encoded so many visual tokens: those queued, these, and half a step."""
    tokens_s = fleet[i, SLOWDOWN] * fleet[i, ENCODE_S] * (fleet[i, QUEUED_TOKENS] + visual_tokens)
    return float(tokens_s + in_flight_seconds(fleet, i))


@compilable
def encoder(ask: Ask, fleet: Table, visual_tokens: float) -> int:
    """Where to encode a request's images: the least such seconds, ties by a hash draw; -1 where whoever computes the
    prompt has to.
    """
    best, least, first = -1, NEVER_S, 0
    for i in range(len(fleet)):
        if encodes(ask, fleet, i):
            seconds, draw = encode_seconds(fleet, visual_tokens, i), drawn(ask, fleet, i)
            if seconds < least or (seconds == least and draw < first):
                best, least, first = i, seconds, draw
    return best


@compilable
def partner(ask: Ask, fleet: Table, i: int) -> int:
    """Where a request whose prompt goes to replica i is to decode: there, unless it only computes prompts."""
    if fleet[i, ROLE] != PREFILL:
        return i
    best = decoder(ask, fleet, i)
    return best if best >= 0 else i


@compilable
def first_token_seconds(ask: Ask, fleet: Table, cached: Cached, i: int, d: int) -> float:
    """Predicted seconds to the first token where replica i computes the prompt and d decodes, which may be one."""
    if i == d:
        return ttft_seconds(ask, fleet, cached, i)
    moved_s = transfer_seconds(ask, fleet, fleet[i, TRANSFER_S], d)
    return prefill_seconds(ask, fleet, cached, i) + moved_s + first_step_seconds(ask, fleet, d)


@compilable
def pair_usd(ask: Ask, fleet: Table, cached: Cached, i: int, d: int) -> float:
    """Dollars of replica time of a prompt on i and its answer on d, which may be one."""
    if i == d:
        return cost_usd(ask, fleet, cached, i)
    return prefill_usd(ask, fleet, cached, i) + decode_usd(ask, fleet, d)
