import json
from pathlib import Path
from typing import Any

from tests.cli.weir_command import Weir

RECORD: dict[str, Any] = {
    "id": "r-1",
    "at": 12.5,
    "policy": "shortest_ttft",
    "settings": "0123abcd",
    "request": {
        "model": "llama-3.1-8b", "session": "c7", "tenant": "", "slo": "", "prompt_tokens": 1020.0, "max_tokens": 300.0,
        "expected_tokens": 200.0, "ttft_deadline_s": 1.0, "tpot_deadline_s": 0.05,
    },
    "candidates": [
        {"replica": "slow-0", "cached_tokens": 0.0, "ttft_s": 0.4, "tpot_s": 0.03, "cost_usd": 0.002},
        {"replica": "fast-0", "cached_tokens": 512.0, "ttft_s": 0.05, "tpot_s": 0.01, "cost_usd": 0.0004},
    ],
    "chosen": "fast-0",
    "why": "shortest_ttft",
    "propensity": 1.0,
    "knowledge": "exact",
    "outcome": {
        "ok": True, "ttft_s": 0.04, "tpot_s": 0.011, "e2e_s": 2.2, "prompt_tokens": 1020, "output_tokens": 198,
        "cached_tokens": 512, "cost_usd": 0.0004, "status": 200, "retries": 0,
    },
}  # fmt: skip

GOLDEN = """\
Request r-1 asked llama-3.1-8b for at most 300, about 200 tokens after a prompt of 1,020, session c7.
2 candidates, by predicted time to the first token:
  → 1. fast-0: first token in 50 ms, then 10 ms a token, $0.0004, 512 prompt tokens cached
    2. slow-0: first token in 400 ms, then 30 ms a token, $0.002
shortest_ttft chose fast-0, the fastest; it takes this action with probability 1.00. Knowledge of its cache: exact.
It came to 198 tokens in 2.20 s, the first after 40 ms (predicted 50 ms: 25% too much); 512 prompt tokens were cached \
(512 predicted).
"""


def written(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "decisions.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_decision_is_told_in_words(weir: Weir, tmp_path: Path) -> None:
    assert weir("explain", written(tmp_path, RECORD)).stdout == GOLDEN


def test_one_is_found_by_its_id(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, RECORD, {**RECORD, "id": "r-2"}, {**RECORD, "id": "r-3"})
    assert "Request r-2 " in weir("explain", path, "--id", "r-2").stdout


def test_the_last_ones_are_told_in_order(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, RECORD, {**RECORD, "id": "r-2"}, {**RECORD, "id": "r-3"})
    said = weir("explain", path, "--last", "2").stdout
    assert "r-1" not in said
    assert said.index("r-2") < said.index("r-3")


def test_a_failure_is_told_as_one(weir: Weir, tmp_path: Path) -> None:
    failed = {**RECORD, "outcome": {**RECORD["outcome"], "ok": False, "status": 502, "retries": 3}}
    assert "It failed with status 502 after 3 retries." in weir("explain", written(tmp_path, failed)).stdout


def test_a_client_that_went_away_is_no_failure_of_anybodys(weir: Weir, tmp_path: Path) -> None:
    gone = {**RECORD, "outcome": {**RECORD["outcome"], "ok": False, "status": 499, "e2e_s": 0.5}}
    said = weir("explain", written(tmp_path, gone)).stdout
    assert "The client went away after 500 ms; what it had asked for was cancelled." in said


def test_json_is_the_records_themselves(weir: Weir, tmp_path: Path) -> None:
    assert json.loads(weir("explain", written(tmp_path, RECORD), "--json", "-").stdout) == [RECORD]


def test_an_unknown_id_is_a_sentence(weir: Weir, tmp_path: Path) -> None:
    result = weir("explain", written(tmp_path, RECORD), "--id", "r-9")
    assert (result.exit_code, "no decision about request 'r-9'" in result.stderr) == (2, True)


def test_a_line_that_is_no_record_is_named(weir: Weir, tmp_path: Path) -> None:
    result = weir("explain", written(tmp_path, RECORD, {"id": "x"}))
    assert result.exit_code == 2
    assert "decisions.jsonl:2: is no decision record, it has no 'request'" in result.stderr
