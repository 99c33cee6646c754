"""Measured runs: reading them, and the same requests on the engine model."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sims.calibrate.serving_run import BadRun, perf, read, replay, runs

OPTIONS: dict[str, Any] = {"tensor_parallel_size": 1, "max_num_seqs": 64, "max_num_batched_tokens": 2048}


def request(number: int, *, arrival: float, first: float, last: float, output: int = 11) -> dict[str, Any]:
    return {
        "request_id": f"r{number}", "input_toks": 500, "output_toks": output, "arrival_time": 1_000_000.0 + arrival,
        "queued_ts": 50.0 + arrival + 0.1 * number, "scheduled_ts": 51.0, "first_token_ts": 50.0 + first,
        "last_token_ts": 50.0 + last,
    }  # fmt: skip


def write(
    folder: Path, hardware: str = "RTX4090", name: str = "Llama-3.1-8B", packed: bool = True, **options: Any
) -> Path:
    """A run of two requests."""
    place = folder / hardware / name
    place.mkdir(parents=True)
    cache = options.pop("kv_cache", {"num_kv_tokens": 41_408})
    texts = {
        "meta.json": json.dumps({"engine_kwargs": OPTIONS | options, "kv_cache": cache}),
        "requests.jsonl": "".join(
            json.dumps(row) + "\n"
            for row in (request(0, arrival=0.0, first=0.5, last=1.5), request(1, arrival=1.0, first=1.75, last=2.0))
        ),
    }
    for file, text in texts.items():
        if packed:
            (place / f"{file}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (place / file).write_text(text)
    return place


def test_times_are_brought_to_one_clock_by_the_request_that_was_queued_at_once(tmp_path: Path) -> None:
    run = read(write(tmp_path))
    assert [one.arrival_s for one in run.served] == [0.0, 1.0]
    assert [one.ttft_s for one in run.served] == pytest.approx([0.5, 0.75])
    assert [one.tpot_s for one in run.served] == pytest.approx([0.1, 0.025])


def test_the_engine_is_as_it_was_started(tmp_path: Path) -> None:
    run = read(write(tmp_path, max_num_seqs=17))
    latency = perf(run, 3e-6)
    assert (latency.max_seqs, latency.chunk_tokens, latency.kv_tokens) == (17, 2048, 41_408)
    assert (latency.slowdown, latency.host_s, latency.frontend_s) == (1.0, 3e-6, 0.0)


def test_hardware_and_model_are_known_by_their_folders_names(tmp_path: Path) -> None:
    run = read(write(tmp_path, "RTXPRO6000", "Qwen3-30B-A3B-Instruct-2507"))
    assert (run.gpu, run.model) == ("rtx-pro-6000", "qwen3-30b-a3b")
    assert perf(run, 0.0).measured


def test_plain_files_do_as_well_as_packed_ones(tmp_path: Path) -> None:
    assert read(write(tmp_path, packed=False)).served == read(write(tmp_path / "b")).served


def test_without_a_told_capacity_the_memory_decides(tmp_path: Path) -> None:
    assert perf(read(write(tmp_path, kv_cache=None)), 0.0).kv_tokens > 2048


def test_every_run_below_a_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "RTXPRO6000", "Qwen3-32B", tensor_parallel_size=2)
    assert [run.name for run in runs(tmp_path)] == ["RTX4090/Llama-3.1-8B", "RTXPRO6000/Qwen3-32B"]


def test_two_engines_take_requests_in_turn(tmp_path: Path) -> None:
    run = read(write(tmp_path, data_parallel_size=2))
    alone = replay(run, perf(run, 0.0))
    assert alone[0].ttft_s == pytest.approx(alone[1].ttft_s)


def test_experts_spread_over_engines_are_touched_by_the_tokens_of_all(tmp_path: Path) -> None:
    place = write(tmp_path, "RTXPRO6000", "Qwen3-30B-A3B", data_parallel_size=2, enable_expert_parallel=True)
    run = read(place)
    latency = perf(run, 0.0)
    touched = latency.experts * (1.0 - (1.0 - latency.top_k / latency.experts) ** 10)
    assert latency.experts == 64
    assert touched == pytest.approx(64 * (1.0 - (1.0 - 8 / 128) ** 20))


@pytest.mark.parametrize("missing", ["meta.json.gz", "requests.jsonl.gz"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    place = write(tmp_path)
    (place / missing).unlink()
    with pytest.raises(BadRun, match=missing.removesuffix(".gz")):
        read(place)


def test_unknown_hardware_is_answered_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"'ABACUS'.*rtx-4090"):
        read(write(tmp_path, "ABACUS"))


def test_a_run_of_nobody_is_refused(tmp_path: Path) -> None:
    place = write(tmp_path, packed=False)
    (place / "requests.jsonl").write_text("")
    with pytest.raises(BadRun, match="no requests"):
        read(place)


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"requests\.jsonl"):
        runs(tmp_path)
