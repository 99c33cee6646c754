"""One slowdown and one frontend constant from the plain Kubernetes Service set-up, below its knee; nothing else.

Two kinds of request tell them: those that found their prompt cached took the frontend constant and next to nothing
else, those at the lowest rate that found nothing took it and one whole prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, median

from bench.aibrix.client import BLOCK_TOKENS, SHARED_TOKENS
from bench.aibrix.rows import Row, Steps
from policies.perf import profiles
from policies.perf.gpu import GpuProfile
from policies.perf.latency import LatencyModel

MODEL = "llama-3.1-8b"
MAY_BE = ("a100-80", "h20")  # the GPUs that the manifests' node affinity lists
WHOLE_TOKENS = 32_000  # a step of vLLM's first engine here: its --max-model-len
FOUND = 0.25  # of the lowest rate's median TTFT: below, a prompt was cached
KNEE = 2.0  # times the least mean TTFT of lower rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was fitted, and to which GPU."""

    gpu: str
    slowdown: float
    frontend_s: float
    decode_error: float  # of a lone answer's generation time, which was not fitted

    @property
    def profile(self) -> GpuProfile:
        """The GPU's sheet."""
        return profiles.gpu(self.gpu)

    def perf(self, whole_prompts: bool) -> LatencyModel:
        """The latency model of a replica."""
        return latency(self.gpu, whole_prompts, self.slowdown, self.frontend_s)


def latency(gpu: str, whole_prompts: bool, slowdown: float = 1.0, frontend_s: float = 0.0) -> LatencyModel:
    """Llama-3.1-8B on one GPU."""
    chunk = WHOLE_TOKENS if whole_prompts else None  # the second one's default for the card
    return profiles.latency_model(gpu, MODEL, 1, chunk_tokens=chunk, slowdown=slowdown, frontend_s=frontend_s)


def fitted(steps: Steps, whole_prompts: bool) -> Fitted:
    """The fit on the GPU whose decoding then comes out best, of those that have a sheet."""
    known = [gpu for gpu in MAY_BE if gpu in profiles.gpu_names()]
    return min((fitted_to(gpu, steps, whole_prompts) for gpu in known), key=lambda fit: fit.decode_error)


def fitted_to(gpu: str, steps: Steps, whole_prompts: bool) -> Fitted:
    """The fit on one GPU."""
    perf = latency(gpu, whole_prompts)
    lowest = steps[min(steps)]
    usual = median(row.ttft_s for row in lowest)
    cold = [row for row in lowest if row.ttft_s > FOUND * usual]
    found = [row.ttft_s for step in below_knee(steps).values() for row in step if row.ttft_s < FOUND * usual]
    shared = SHARED_TOKENS // BLOCK_TOKENS * BLOCK_TOKENS
    prompt_s = perf.prefill_seconds(fmean(row.prompt_tokens for row in cold) - shared, shared)
    tokens = lowest[0].prompt_tokens
    cached = (tokens - 1) // BLOCK_TOKENS * BLOCK_TOKENS
    found_s = perf.prefill_seconds(tokens - cached, cached)
    cold_s = median(row.ttft_s for row in cold)
    # cold = s * prompt + f and found = s * found_s + f; without a cached request the frontend is not to be told apart.
    slowdown = (cold_s - median(found)) / (prompt_s - found_s) if found else cold_s / prompt_s
    frontend_s = max(median(found) - slowdown * found_s, 0.0) if found else 0.0
    return Fitted(gpu=gpu, slowdown=slowdown, frontend_s=frontend_s, decode_error=_decode_error(perf, slowdown, lowest))


def _decode_error(perf: LatencyModel, slowdown: float, rows: Sequence[Row]) -> float:
    """How far a lone answer's seconds are off, as a fraction."""
    measured = median(row.generation_s / max(row.output_tokens - 1, 1) for row in rows)
    context = rows[0].prompt_tokens + rows[0].output_tokens / 2.0
    predicted = slowdown * perf.decode_seconds(1.0, context)
    return abs(predicted / measured - 1.0)


def knee(means: Mapping[float, float]) -> float | None:
    """The lowest rate at which the mean TTFT is more than twice the least of lower rates; None where there is none."""
    least = inf
    for rate in sorted(means):
        if means[rate] > KNEE * least:
            return rate
        least = min(least, means[rate])
    return None


def below_knee(steps: Steps) -> Steps:
    """The steps of a set-up below its knee."""
    means = {rate: fmean(row.ttft_s for row in rows) for rate, rows in steps.items()}
    limit = knee(means)
    return {rate: rows for rate, rows in steps.items() if limit is None or rate < limit}
