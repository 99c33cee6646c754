"""One replica's /metrics, under the names that vLLM exports."""

from collections.abc import Iterator
from typing import NamedTuple

from sims.emulator.histogram import Histogram
from sims.emulator.replica import EmulatedReplica
from sims.replica.jobs import Finished, Load

TTFT = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
    2560,
)
ITL = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
WHOLE = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
TOKENS = tuple(digit * 10**power for power in range(6) for digit in (1, 2, 5))

HISTOGRAMS = {
    "time_to_first_token_seconds": TTFT,
    "inter_token_latency_seconds": ITL,
    "request_time_per_output_token_seconds": ITL,
    "e2e_request_latency_seconds": WHOLE,
    "request_queue_time_seconds": WHOLE,
    "request_inference_time_seconds": WHOLE,
    "request_prefill_time_seconds": WHOLE,
    "request_decode_time_seconds": WHOLE,
    "request_prompt_tokens": TOKENS,
    "request_generation_tokens": TOKENS,
}

COUNTERS = (
    "prompt_tokens",
    "generation_tokens",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "external_prefix_cache_queries",
    "external_prefix_cache_hits",
    "num_preemptions",
)


class Times(NamedTuple):
    """When what happened to one request, in wall seconds."""

    came: float
    queued: float  # in the engine
    admitted: float
    first: float
    done: float


class Metrics:
    """Counters and histograms since the replica started; seconds are the wall's."""

    def __init__(self, spec: EmulatedReplica) -> None:
        self._spec = spec
        self._labels = f'engine="0",model_name="{spec.model}"'
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.successes = dict.fromkeys(("stop", "length", "abort", "error"), 0)
        self._histograms = {name: Histogram(bounds) for name, bounds in HISTOGRAMS.items()}

    def first(self, prompt_tokens: int, cached_tokens: int, moved_tokens: int, ttft_s: float) -> None:
        """A request's first token is out, so many seconds after it came; `moved_tokens` came from another replica."""
        counters = self.counters
        counters["prompt_tokens"] += prompt_tokens
        counters["prefix_cache_queries"] += prompt_tokens
        counters["prefix_cache_hits"] += cached_tokens
        counters["external_prefix_cache_queries"] += prompt_tokens - cached_tokens if moved_tokens else 0
        counters["external_prefix_cache_hits"] += moved_tokens
        self._histograms["time_to_first_token_seconds"].observe(ttft_s)

    def finished(self, event: Finished, reason: str, prompt_tokens: int, times: Times) -> None:
        """A request is done."""
        tokens, decode_s = event.output_tokens, times.done - times.first
        self.counters["generation_tokens"] += tokens
        self.counters["num_preemptions"] += event.preemptions
        self.successes[reason] += 1
        self._observe("e2e_request_latency_seconds", times.done - times.came)
        self._observe("request_queue_time_seconds", times.admitted - times.queued)
        self._observe("request_prefill_time_seconds", times.first - times.admitted)
        self._observe("request_decode_time_seconds", decode_s)
        self._observe("request_inference_time_seconds", times.done - times.admitted)
        self._observe("request_prompt_tokens", prompt_tokens)
        self._observe("request_generation_tokens", tokens)
        if tokens > 1:
            # The mean stands for each gap: the engine does not step through every token.
            self._histograms["inter_token_latency_seconds"].observe(decode_s / (tokens - 1), tokens - 1)
            self._observe("request_time_per_output_token_seconds", decode_s / (tokens - 1))

    def _observe(self, name: str, value: float) -> None:
        self._histograms[name].observe(value)

    def page(self, load: Load, capacity_blocks: int, generating: int) -> bytes:
        """The page; `generating` tokens are out of requests not yet finished."""
        lines = [*self._gauges(load, capacity_blocks), *self._counted(generating), *self._distributions()]
        return ("\n".join(lines) + "\n").encode()

    def _gauges(self, load: Load, blocks: int) -> Iterator[str]:
        used = load.kv_used_tokens / self._spec.block_tokens / blocks
        yield from self._family("num_requests_running", "gauge", float(load.running))
        yield from self._family("num_requests_waiting", "gauge", float(load.waiting))
        yield "# TYPE vllm:num_requests_waiting_by_reason gauge"
        for reason, count in (("capacity", load.waiting), ("deferred", 0)):
            yield f'vllm:num_requests_waiting_by_reason{{{self._labels},reason="{reason}"}} {float(count)}'
        yield from self._family("kv_cache_usage_perc", "gauge", used)
        yield from self._family("engine_sleep_state", "gauge", 0.0, f'{self._labels},sleep_state="awake"')
        lora = 'max_lora="0",running_lora_adapters="",waiting_lora_adapters=""'
        yield from self._family("lora_requests_info", "gauge", 1.0, lora)
        config = {
            "block_size": self._spec.block_tokens,
            "cache_dtype": "auto",
            "enable_prefix_caching": True,
            "gpu_memory_utilization": 0.9,
            "num_gpu_blocks": blocks,
            "prefix_caching_hash_algo": "sha256",
        }
        labels = ",".join(f'{name}="{value}"' for name, value in {"engine": 0, **config}.items())
        yield from self._family("cache_config_info", "gauge", 1.0, labels)

    def _counted(self, generating: int) -> Iterator[str]:
        for name, value in self.counters.items():
            more = generating if name == "generation_tokens" else 0
            yield from self._family(f"{name}_total", "counter", float(value + more))
        rejected = f'model_name="{self._spec.model}",reason="max_num_queued_reqs"'
        yield from self._family("admission_rejections_total", "counter", 0.0, rejected)
        yield "# TYPE vllm:prompt_tokens_by_source_total counter"
        hits = self.counters["prefix_cache_hits"]
        moved = self.counters["external_prefix_cache_hits"]
        computed = self.counters["prompt_tokens"] - hits - moved
        for source, count in (("local_compute", computed), ("local_cache_hit", hits), ("external_kv_transfer", moved)):
            yield f'vllm:prompt_tokens_by_source_total{{{self._labels},source="{source}"}} {float(count)}'
        yield "# TYPE vllm:request_success_total counter"
        for reason, count in self.successes.items():
            yield f'vllm:request_success_total{{{self._labels},finished_reason="{reason}"}} {float(count)}'

    def _distributions(self) -> Iterator[str]:
        for name, histogram in self._histograms.items():
            yield f"# TYPE vllm:{name} histogram"
            yield from histogram.lines(f"vllm:{name}", self._labels)

    def _family(self, name: str, kind: str, value: float, labels: str = "") -> Iterator[str]:
        """A family of one series; vLLM labels a few of them unlike the others."""
        yield f"# TYPE vllm:{name} {kind}"
        yield f"vllm:{name}{{{labels or self._labels}}} {value}"
