"""What requests took, in metrics and in decision records."""

import json
from pathlib import Path
from typing import Any

import pytest

from router.record import Recorder
from tests.router import fakes
from tests.router.routers import Routers, Running

RECORD = {
    "id",
    "at",
    "policy",
    "settings",
    "request",
    "candidates",
    "chosen",
    "why",
    "propensity",
    "knowledge",
    "knowledge_reason",
    "cached",
    "outcome",
}
OUTCOME = {
    "ok",
    "status",
    "retries",
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "prompt_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_usd",
}


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "whole"])
async def test_the_tokens_that_an_engine_reports_are_counted(routers: Routers, streamed: bool) -> None:
    running = await routers.start(fakes.stream if streamed else fakes.answer)
    async with running.caller() as caller:
        for _ in range(3):
            await caller.ask(stream=streamed)
    (counts,) = running.core.metrics.snapshot().series.values()
    assert (counts.prompt_tokens, counts.output_tokens, counts.cached_reported) == (120, 15, 48)
    assert counts.codes == {200: 3}
    assert sum(counts.e2e.counts) == 3
    assert sum(counts.ttft.counts) == (3 if streamed else 0)
    assert counts.usd > 0.0


async def test_counts_are_kept_by_model_and_pool(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    async with running.caller() as caller:
        await caller.ask()
    assert list(running.core.metrics.snapshot().series) == ["m\tp"]


async def test_refusals_and_retries_are_counted_by_reason(routers: Routers) -> None:
    running = await routers.start([fakes.fail_503, fakes.answer])
    async with running.caller() as caller:
        await caller.ask(model="nobody")
        await caller.ask(messages=[])
        await caller.ask()
        caller.send(b"\r\n\r\n")
        assert (await caller.reply()).status == 400
    told = running.core.metrics.snapshot()
    assert told.refused == {"unknown-model": 1, "bad-request": 1, "http-400": 1}
    assert sum(told.retries.values()) == 1
    assert sum(told.decisions.counts) == 2


async def test_the_estimates_follow_what_engines_report(routers: Routers) -> None:
    running = await routers.start(fakes.answer)
    estimate = running.core.models["m"].estimate
    before = estimate.bytes_per_token, estimate.expected_tokens
    async with running.caller() as caller:
        for _ in range(20):
            await caller.ask(messages=[{"role": "user", "content": "x" * 80}])
    assert estimate.bytes_per_token < before[0]
    assert estimate.expected_tokens < before[1]


async def recorded(routers: Routers, path: Path, *tricks: Any, **fields: Any) -> list[dict[str, Any]]:
    """The records of one request."""
    recorder = Recorder(path)
    running: Running = await routers.start(*tricks, recorder=recorder, policy="shortest_ttft")
    async with running.caller() as caller:
        await caller.ask("/v1/chat/completions", "X-Request-Id: abc", "X-Weir-Tenant: t", "X-Weir-Slo: fast", **fields)
        await running.idle()
    recorder.close()
    lines = path.read_text().splitlines()  # noqa: ASYNC240 (a short file, and nobody waits)
    return [json.loads(line) for line in lines]


async def test_a_decision_is_recorded_with_its_candidates_and_its_outcome(routers: Routers, tmp_path: Path) -> None:
    (record,) = await recorded(routers, tmp_path / "d", fakes.answer, fakes.answer, user="u")
    assert set(record) == RECORD
    assert set(record["outcome"]) == OUTCOME
    assert {one["replica"] for one in record["candidates"]} == {"r0", "r1"}
    assert record["chosen"] in {"r0", "r1"}
    assert (record["id"], record["policy"], record["propensity"]) == ("abc", "shortest_ttft", 0.5)
    told = record["request"]
    assert (told["model"], told["session"], told["tenant"], told["slo"], told["max_tokens"]) == (
        "m",
        "u",
        "t",
        "fast",
        8,
    )
    assert (record["outcome"]["ok"], record["outcome"]["status"], record["outcome"]["cached_tokens"]) == (True, 200, 16)


async def test_a_record_tells_the_blocks_of_the_prompt_so_that_a_replay_finds_its_prefixes(
    routers: Routers, tmp_path: Path
) -> None:
    records = await recorded(routers, tmp_path / "d", fakes.answer, fakes.answer)
    told = records[0]["request"]
    assert all(isinstance(block, int) for block in told["blocks"])
    assert told["block_tokens"] > 0.0


async def test_candidates_are_predicted_as_the_policy_saw_them(routers: Routers, tmp_path: Path) -> None:
    (record,) = await recorded(routers, tmp_path / "d", fakes.answer, fakes.answer)
    first, second = record["candidates"]
    assert first["ttft_s"] == second["ttft_s"] > 0.0
    assert first["cost_usd"] == second["cost_usd"] > 0.0


async def test_every_attempt_is_recorded_with_what_became_of_it(routers: Routers, tmp_path: Path) -> None:
    records = await recorded(routers, tmp_path / "d", [fakes.fail_500, fakes.answer])
    assert [one["outcome"]["ok"] for one in records] == [False, True]
    assert [one["id"] for one in records] == ["abc", "abc"]
    assert records[1]["outcome"]["retries"] == 1
