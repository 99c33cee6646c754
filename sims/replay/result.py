"""What a replay tells: every request that was served, and what each replica did."""

from dataclasses import dataclass

from policies.fleet import Replica


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request from arrival to last token; seconds."""

    index: int  # its place among the arrivals
    at: float
    model: str
    replica: int  # its place in the fleet
    prompt_tokens: int
    output_tokens: int
    predicted_ttft_s: float
    ttft_s: float
    tpot_s: float  # mean over the tokens after the first; 0 when there are none
    e2e_s: float
    queue_s: float  # from arrival to its first engine step
    predicted_cached: int  # tokens the router believed cached
    cached_tokens: int  # tokens the engine found cached
    preemptions: int
    cost_usd: float  # its share, by work, of its replica's price over the whole replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one replica did over the whole replay."""

    replica: str
    requests: int
    busy_s: float
    energy_joules: float
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Served requests in order of arrival, replicas in order of the fleet."""

    served: tuple[Served, ...]
    replicas: tuple[Use, ...]
    refused: int  # arrivals that no replica of their model can hold
    end_s: float  # when the last token came


def work_seconds(replica: Replica, served_prompt: int, cached: int, output: int) -> float:
    """Engine seconds that one request asks for: its prefill alone, and its part of a batch of 32 while it decodes."""
    perf, batch = replica.perf, 32.0
    context = served_prompt + output / 2.0
    decode_s = output * perf.decode_seconds(batch, batch * context) / batch
    return perf.prefill_seconds(max(served_prompt - cached, 1), cached) + decode_s
