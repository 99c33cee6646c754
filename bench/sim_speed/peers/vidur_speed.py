"""Vidur over a CSV of lengths: `python vidur_speed.py LENGTHS.csv REPLICAS RATE REQUESTS`; CPU seconds of its loop.

Its execution-time tables come from the step model's shape instead of being trained for minutes, which the figure
leaves out in Vidur's favour, as it does start-up, metrics and plots.
"""

import json
import os
import sys
import time

os.environ["WANDB_MODE"] = "disabled"
os.environ["HF_HUB_OFFLINE"] = "1"

from vidur.config import SimulationConfig
from vidur.execution_time_predictor import sklearn_execution_time_predictor as predictor
from vidur.simulator import Simulator

PER_TOKEN = (
    "attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj", "mlp_act", "attn_rope", "attn_kv_cache_save",
    "input_layernorm", "post_attention_layernorm", "add",
)  # fmt: skip
TOKENS, CHUNK, GRAIN, BATCH = 16384, 8192, 256, 256


def tables(_: object) -> dict[str, dict[tuple[int, ...], float]]:
    """Milliseconds of one layer's operators by their sizes, about Llama-3.1-8B's on an H100."""
    found: dict[str, dict[tuple[int, ...], float]] = {
        name: {(n,): 0.018 + 0.00017 * n for n in range(1, TOKENS + 1)} for name in PER_TOKEN
    }
    held = range(0, TOKENS + 1, GRAIN)
    found["attn_prefill"] = {(k, n): 0.01 + 2.9e-8 * n * (k + n / 2) for k in held for n in range(32, CHUNK + 1, 32)}
    found["attn_decode"] = {(b, k): 0.005 + 1.3e-6 * b * k for b in range(1, BATCH + 1) for k in held}
    return found


def arguments(lengths: str, replicas: str, rate: str, requests: str) -> list[str]:
    tree = "--random_forrest_execution_time_predictor_config_"
    return [
        "--cluster_config_num_replicas", replicas,
        "--replica_config_model_name", "meta-llama/Llama-3-8B",
        "--replica_config_device", "h100",
        "--replica_config_network_device", "h100_dgx",
        "--replica_config_num_pipeline_stages", "1",
        "--replica_config_tensor_parallel_size", "1",
        "--cache_config_num_blocks", "20000",
        "--global_scheduler_config_type", "lor",
        "--replica_scheduler_config_type", "sarathi",
        "--sarathi_scheduler_config_batch_size_cap", str(BATCH),
        "--sarathi_scheduler_config_chunk_size", "2048",
        "--request_generator_config_type", "synthetic",
        "--length_generator_config_type", "trace",
        "--trace_request_length_generator_config_trace_file", lengths,
        "--interval_generator_config_type", "poisson",
        "--poisson_request_interval_generator_config_qps", rate,
        "--synthetic_request_generator_config_num_requests", requests,
        "--execution_time_predictor_config_type", "random_forrest",
        f"{tree}prediction_max_tokens_per_request", str(TOKENS),
        f"{tree}prediction_max_prefill_chunk_size", str(CHUNK),
        f"{tree}kv_cache_prediction_granularity", str(GRAIN),
        f"{tree}prediction_max_batch_size", str(BATCH),
        "--no-metrics_config_write_metrics",
        "--no-metrics_config_enable_chrome_trace",
        "--no-metrics_config_store_plots",
    ]  # fmt: skip


def main() -> None:
    predictor.SklearnExecutionTimePredictor._load_predictions_from_hf = tables
    given = sys.argv[1:]
    sys.argv[1:] = arguments(*given)
    simulator = Simulator(SimulationConfig.create_from_cli_args())
    simulator._write_output = lambda: None
    begun = time.process_time()
    simulator.run()
    print(json.dumps({"requests": int(given[3]), "cpu_s": time.process_time() - begun}))


if __name__ == "__main__":
    main()
