"""The metrics page, read by Prometheus's own parser."""

from prometheus_client.parser import text_string_to_metric_families as families

from tests.sims.emulator.emulation import Heard, Loop
from tests.sims.emulator.test_driver import choice, driver

EXPECTED = {
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:num_requests_waiting_by_reason",
    "vllm:kv_cache_usage_perc",
    "vllm:engine_sleep_state",
    "vllm:lora_requests_info",
    "vllm:cache_config_info",
    "vllm:prompt_tokens",
    "vllm:prompt_tokens_by_source",
    "vllm:generation_tokens",
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
    "vllm:external_prefix_cache_queries",
    "vllm:external_prefix_cache_hits",
    "vllm:num_preemptions",
    "vllm:admission_rejections",
    "vllm:request_success",
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:request_time_per_output_token_seconds",
    "vllm:e2e_request_latency_seconds",
    "vllm:request_queue_time_seconds",
    "vllm:request_inference_time_seconds",
    "vllm:request_prefill_time_seconds",
    "vllm:request_decode_time_seconds",
    "vllm:request_prompt_tokens",
    "vllm:request_generation_tokens",
}


def values(page: bytes) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in families(page.decode())
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_the_names_are_those_that_vllm_exports() -> None:
    page = driver(Loop()).page()
    assert {family.name for family in families(page.decode())} == EXPECTED
    assert all(line.startswith(("# ", "vllm:")) for line in page.decode().splitlines())


def test_running_requests_show_in_gauges_and_their_tokens_as_they_come() -> None:
    loop = Loop()
    driven = driver(loop)
    driven.submit([choice(Heard(loop), "a", 100, 500), choice(Heard(loop), "b", 100, 500)])
    loop.run(0.5)
    seen = values(driven.page())
    assert seen["vllm:num_requests_running"] == 2.0
    assert 0.0 < seen["vllm:kv_cache_usage_perc"] < 0.02
    assert seen["vllm:prompt_tokens_total"] == 200.0
    assert 50.0 < seen["vllm:generation_tokens_total"] < 200.0
    assert seen["vllm:time_to_first_token_seconds_count"] == 2.0


def test_finished_requests_show_in_histograms_in_wall_seconds() -> None:
    loop = Loop()
    driven = driver(loop, scale=10.0)
    driven.submit([choice(Heard(loop), "a", 100, 50)])
    loop.run(1.0)
    seen = values(driven.page())
    assert seen["vllm:inter_token_latency_seconds_count"] == 49.0
    assert 0.03 < seen["vllm:e2e_request_latency_seconds_sum"] < 0.05
    assert seen["vllm:request_queue_time_seconds_sum"] == 0.0


def test_the_cache_config_gives_block_size_and_blocks() -> None:
    page = driver(Loop()).page().decode()
    config = next(family for family in families(page) if family.name == "vllm:cache_config_info")
    assert config.samples[0].labels["block_size"] == "16"
    assert config.samples[0].labels["num_gpu_blocks"] == "2500"
