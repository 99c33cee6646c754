"""Seconds of one engine step. Plain arithmetic on floats, so that a compiler takes it as it is."""

from policies.compilable import compilable


@compilable
def distinct_experts(experts: float, top_k: float, tokens: float) -> float:
    """Expected number of different experts that `tokens` tokens choose, each choosing `top_k`; 0 for a dense model."""
    if experts <= 0.0:
        return 0.0
    return float(experts * (1.0 - (1.0 - top_k / experts) ** tokens))


@compilable
def model_seconds(
    base_s: float, sequence_s: float, context_s: float, expert_s: float, experts: float, top_k: float,
    prefill_base_s: float, token_s: float, attention_s: float,
    batch: float, context: float, prefill_tokens: float, attended: float,
) -> float:  # fmt: skip
    """Seconds the GPU spends on one step, before the engine's own overheads; 0 for a step with nothing to do."""
    prefill_s = token_s * prefill_tokens + attention_s * attended
    if batch <= 0.0:
        return prefill_base_s + prefill_s if prefill_tokens > 0.0 else 0.0
    read_s = base_s + expert_s * distinct_experts(experts, top_k, batch + prefill_tokens)
    if prefill_tokens > 0.0:
        # Weights are read once in a mixed step, so the two bases never add; and decoding beside a prefill
        # cannot make it cheaper, so the greater one stands.
        read_s = max(read_s, prefill_base_s)
    return read_s + sequence_s * batch + context_s * context + prefill_s


@compilable
def step_seconds(
    base_s: float, sequence_s: float, context_s: float, expert_s: float, experts: float, top_k: float,
    prefill_base_s: float, token_s: float, attention_s: float, slowdown: float, host_s: float,
    batch: float, context: float, prefill_tokens: float, attended: float,
) -> float:  # fmt: skip
    """Seconds of one engine step: `slowdown` times the model's seconds plus `host_s` for each decoding sequence.

    `batch` sequences decode with `context` KV tokens in sum; beside them `prefill_tokens` new tokens are computed,
    `attended` = Σ nᵢ·(ctxᵢ + nᵢ/2) over their chunks, where ctxᵢ tokens of the same prompt came before.
    """
    seconds = model_seconds(
        base_s, sequence_s, context_s, expert_s, experts, top_k, prefill_base_s, token_s, attention_s,
        batch, context, prefill_tokens, attended,
    )  # fmt: skip
    return slowdown * seconds + host_s * batch
