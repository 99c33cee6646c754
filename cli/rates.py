"""Requests a second that a fleet can serve within its deadlines, from its latency models and a workload's means."""

from typing import NamedTuple

from policies.perf.latency import LatencyModel
from weir.codec import latency
from weir.fleetfile import FleetFile, message


class Means(NamedTuple):
    """What one request of a workload asks for on average, in tokens."""

    prompt: float
    output: float


def replica_rps(perf: LatencyModel, means: Means, tpot_slo_s: float) -> float:
    """The most requests a second at which one replica still makes a token within `tpot_slo_s`, nothing being cached.

    With B requests running, each second has room for λ prompts of p seconds and (1 - λ·p)/step(B) steps of B tokens,
    and λ requests need λ·output tokens: λ = 1 / (p + output·step(B)/B). More at once is faster until the deadline,
    the slots or the KV tokens end it.
    """
    context = means.prompt + 0.5 * means.output
    prompt_s = perf.slowdown * (perf.token_s * means.prompt + perf.attention_s * 0.5 * means.prompt**2)
    best = 0.0
    for batch in range(1, perf.max_seqs + 1):
        rate = 1.0 / (prompt_s + means.output * perf.decode_seconds(batch, batch * context) / batch)
        if best and (batch * context > perf.kv_tokens or batch / (rate * means.output) > tpot_slo_s):
            break
        best = rate
    return best


def model_rps(fleet: FleetFile, means: Means) -> dict[str, float]:
    """Requests a second that each model's replicas can serve together."""
    rates: dict[str, float] = {}
    for pool in fleet.pools:
        each = replica_rps(latency(message(pool, 0, "")), means, fleet.slo.tpot_s)
        rates[pool.serves] = rates.get(pool.serves, 0.0) + pool.size * each
    return rates


def fleet_usd_per_hour(fleet: FleetFile) -> float:
    """What the whole fleet costs."""
    return sum(pool.size * latency(message(pool, 0, "")).price_per_hour for pool in fleet.pools)
