"""Seconds and joules of engine steps, from an engine's record."""

from policies.perf.latency import FULL_POWER_TOKENS, POWER_EXPONENT
from policies.perf.step import step_seconds
from sims.engine.compiled import compiled
from sims.engine.phase import time_of
from sims.engine.records import Engine


@compiled
def step(e: Engine, batch: float, context: float, prefill_tokens: float, attended: float) -> float:
    """Seconds of one step, see `policies.perf.step`."""
    return step_seconds(
        e.base_s, e.sequence_s, e.context_s, e.expert_s, e.experts, e.top_k, e.prefill_base_s, e.token_s,
        e.attention_s, e.slowdown, e.host_s, batch, context, prefill_tokens, attended,
    )  # fmt: skip


@compiled
def prefill_watts(e: Engine) -> float:
    """Watts that computing the step's prompts and images draws."""
    share = (e.prefill_tokens + e.encoding) / FULL_POWER_TOKENS
    return e.limit_w if share >= 1.0 else e.limit_w * share**POWER_EXPONENT


@compiled
def joules(e: Engine, done: int, seconds: float) -> float:
    """Joules of one step of the phase, `done` of its work's repeats having gone before."""
    watts = e.idle_w
    if e.step_batch > 0:
        context = e.step_context + done * e.step_batch
        alone = e.prefill_tokens + e.encoding == 0
        decode_s = seconds if alone else step(e, float(e.step_batch), float(context), 0.0, 0.0)
        watts = max(watts, e.busy_w + (e.sequence_j * e.step_batch + e.context_j * context) / decode_s)
    if e.prefill_tokens + e.encoding > 0:
        watts = max(watts, prefill_watts(e))
    return min(e.limit_w, watts) * seconds


@compiled
def meter(e: Engine, steps: int) -> None:
    """Add up the phase's first steps; as `sims.replica.meter`."""
    first = joules(e, e.taken, e.first_s)
    last = first
    if steps > 1:
        last = joules(e, e.taken + steps - 1, e.first_s + (steps - 1) * e.growth_s)
    e.busy_s += time_of(e, steps) - e.start
    e.busy_joules += steps * (first + last) / 2
