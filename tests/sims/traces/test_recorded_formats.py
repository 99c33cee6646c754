"""Formats that name sessions or are written when requests end: BurstGPT, Splitwise, decision records."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.record import Recorder
from sims.arrival import Arrival
from sims.traces.reading.reader import detect, read
from sims.traces.reading.row import BadTrace
from tests.router import fakes
from tests.router.routers import Routers

SAMPLES = Path(__file__).parent / "samples"
RECORDS = SAMPLES / "weir_decisions.jsonl"


def record(tmp_path: Path, *changes: dict[str, Any]) -> Path:
    """A file of the first sample record, once for every change of its request or outcome."""
    first = json.loads(RECORDS.read_text().splitlines()[0])
    path = tmp_path / "records.jsonl"
    rows = []
    for i, change in enumerate(changes):
        row = {**first, "id": f"n{i}", **{k: v for k, v in change.items() if k in first}}
        for part in ("request", "outcome"):
            row[part] = {**first[part], **change.get(part, {})}
        rows.append(json.dumps(row))
    path.write_text("\n".join(rows))
    return path


def test_splitwise_rows_are_requests_in_seconds() -> None:
    first, second, third, last = read(SAMPLES / "splitwise.csv")
    assert first == Arrival(at=0.0, prompt_tokens=501, output_tokens=12)
    assert second.at == 0.0
    assert third.at == pytest.approx(0.0578)
    assert last.output_tokens == 1


def test_splitwise_applications_can_be_models() -> None:
    assert [a.model for a in read(SAMPLES / "splitwise.csv", by_application=True)] == ["0", "0", "1", "0"]


def test_burstgpt_leaves_failed_calls_out_and_says_how_many() -> None:
    reading = read(SAMPLES / "burstgpt.csv")
    assert [a.prompt_tokens for a in reading] == [40, 400, 12, 75, 110]
    assert reading.left_out == 2


def test_burstgpt_can_keep_failed_calls_that_had_a_prompt() -> None:
    reading = read(SAMPLES / "burstgpt.csv", failed=True)
    assert [a.output_tokens for a in reading if a.prompt_tokens == 80] == [1]
    assert reading.left_out == 1


def test_burstgpt_spreads_its_whole_seconds() -> None:
    assert [a.at for a in read(SAMPLES / "burstgpt.csv")] == [0.0, 6.0, 6.5, 9.0, 10.0]
    assert [a.at for a in read(SAMPLES / "burstgpt.csv", spread=False)] == [0.0, 6.0, 6.0, 9.0, 10.0]


def test_burstgpt_turns_are_counted_by_session() -> None:
    assert [(a.session, a.turn) for a in read(SAMPLES / "burstgpt.csv")] == [
        ("7", 0), ("8", 0), ("", 0), ("7", 1), ("7", 2),
    ]  # fmt: skip


def test_a_closed_turn_waits_as_long_as_it_did_unless_it_came_too_early() -> None:
    pauses = [a.after_s for a in read(SAMPLES / "burstgpt.csv", closed=True) if a.session == "7"]
    assert pauses == [None, 6.5, None]  # the third came while the second was still being answered


def test_a_growing_session_keeps_its_blocks() -> None:
    first, second, third = (a for a in read(SAMPLES / "burstgpt.csv", grows=16) if a.session == "7")
    assert first.block_tokens == 16
    assert (len(first.blocks), second.blocks[:2]) == (3, first.blocks[:2])
    assert (len(second.blocks), third.blocks[:4]) == (5, second.blocks[:4])
    assert second.blocks[2] != first.blocks[2]  # 8 tokens of it then, 16 now


def test_a_semantic_routers_choice_is_the_model() -> None:
    assert [a.model for a in read(SAMPLES / "semantic_router.jsonl")] == ["small", "large", "small"]


def test_a_replay_record_has_a_date_an_id_and_a_latency(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    rows = [
        ("b", "2026-07-14T10:00:03Z", 90, 12, 500),
        ("a", "2026-07-14T10:00:00Z", 40, 7, 1000),
        ("a", "2026-07-14T10:00:00Z", 41, 8, 1000),
    ]
    path.write_text(
        "\n".join(
            f'{{"request_id": "{i}", "timestamp": "{t}", "prompt_tokens": {p}, "completion_tokens": {c}, '
            f'"selected_model": "m", "original_model": "auto", "session_id": "s", "latency_ms": {ms}}}'
            for i, t, p, c, ms in rows
        )
    )
    first, second = read(path, closed=True, model="original_model")
    assert (first.at, first.prompt_tokens, first.model) == (0.0, 41, "auto")
    assert (second.at, second.turn, second.after_s) == (3.0, 1, 2.0)


def test_decisions_come_in_the_order_of_their_arrival() -> None:
    assert [a.prompt_tokens for a in read(RECORDS)] == [128, 64, 300, 96, 20]
    assert [a.at for a in read(RECORDS)] == pytest.approx([0.0, 0.25, 0.5, 2.5, 3.0])


def test_a_request_that_was_tried_twice_came_once_when_it_first_came() -> None:
    (found,) = (a for a in read(RECORDS) if a.prompt_tokens == 300)
    assert found.output_tokens == 31
    assert found.at == pytest.approx(0.5)  # held for 0.5 s before its second try


def test_what_failed_arrived_with_the_answer_expected_of_it() -> None:
    assert [a.output_tokens for a in read(RECORDS) if a.prompt_tokens == 20] == [77]
    reading = read(RECORDS, failed=False)
    assert [a.prompt_tokens for a in reading] == [128, 64, 300, 96]


def test_turns_continue_their_session_when_no_blocks_are_told() -> None:
    first, second = (a for a in read(RECORDS) if a.session == "s")
    assert (first.turn, second.turn, second.blocks[:4]) == (0, 1, first.blocks)
    assert all(not a.blocks for a in read(RECORDS, grows=0))


def test_a_closed_replay_waits_as_long_after_the_answer_as_it_did() -> None:
    (_, second) = (a for a in read(RECORDS, closed=True) if a.session == "s")
    assert second.after_s == pytest.approx(2.25 - 0.35)


def test_blocks_that_the_router_noted_are_kept(tmp_path: Path) -> None:
    noted = {"request": {"blocks": [2**64 - 1, 7], "block_tokens": 50.5}, "outcome": {"prompt_tokens": 140}}
    first, second = read(record(tmp_path, noted, noted))
    assert first.block_tokens == 64
    assert first.blocks[:2] == second.blocks[:2] == (2**63 - 1, 7)
    assert len(first.blocks) == 3
    assert first.blocks[2] != second.blocks[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": 3}, "outcome is 3, not an object"),
        ({"outcome": {"ttft_s": None}}, "ttft_s is missing"),
        ({"outcome": {"ok": False}, "request": {"expected_tokens": -3.0}}, "expected_tokens is -3"),
        ({"outcome": {"prompt_tokens": 10**9}}, "fit no model"),
        ({"request": {"blocks": ["a"], "block_tokens": 16}}, "blocks is not a list of block numbers"),
    ],
)
def test_a_bad_record_is_refused_with_its_row(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = record(tmp_path, {}, change if not isinstance(change.get("outcome"), int) else {})
    if isinstance(change.get("outcome"), int):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], json.dumps({**json.loads(lines[1]), **change})]))
    with pytest.raises(BadTrace, match=rf"records.jsonl, row 2: {said}" if "fit" not in said else said):
        list(read(path))


async def test_what_a_router_wrote_is_replayed(tmp_path: Path) -> None:
    path, routers = tmp_path / "decisions.jsonl", Routers()
    recorder = Recorder(path)
    running = await routers.start([fakes.fail_500, fakes.answer], recorder=recorder)
    async with running.caller() as caller:
        for _ in range(3):
            await caller.ask(user="u")
        await running.idle()
    recorder.close()
    await routers.stop()
    assert detect(path) == "weir_decisions"
    arrivals = list(read(path))
    assert [(a.turn, a.session, a.model) for a in arrivals] == [(0, "u", "m"), (1, "u", "m"), (2, "u", "m")]
    assert [(a.prompt_tokens, a.output_tokens) for a in arrivals] == [(40, 5)] * 3
    assert arrivals[0].at == 0.0 < arrivals[1].at < arrivals[2].at < 5.0


def test_nothing_else_of_an_arrival_changes_when_it_finds_its_session() -> None:
    loose = [replace(a, turn=0) for a in read(SAMPLES / "burstgpt.csv")]
    assert all(a == replace(b, turn=0) for a, b in zip(loose, read(SAMPLES / "burstgpt.csv"), strict=True))
