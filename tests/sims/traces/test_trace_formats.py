"""What each format makes of its rows."""

from pathlib import Path
from typing import Any

import pytest

from sims.arrival import Arrival
from sims.traces.reading.reader import read
from sims.traces.reading.row import BadTrace

SAMPLES = Path(__file__).parent / "samples"


def test_azure_counts_seconds_from_its_first_row() -> None:
    first, second, third = read(SAMPLES / "azure.csv")
    assert first == Arrival(at=0.0, prompt_tokens=374, output_tokens=44)
    assert (second.at, third.at) == (0.25, 5.0)


def test_an_answer_of_no_tokens_counts_as_one() -> None:
    assert [a.output_tokens for a in read(SAMPLES / "azure.csv")] == [44, 109, 1]


def test_times_with_a_zone_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "zoned.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,1,1\n2024-05-10 02:00:01.009930+02:00,1,1\n"
    )
    assert [a.at for a in read(path)] == [0.0, 1.0]


def test_mooncake_spreads_its_rounded_times() -> None:
    assert [a.at for a in read(SAMPLES / "mooncake.jsonl")] == pytest.approx(
        [0.0, 2.999 / 3, 2 * 2.999 / 3, 2.999, 6.0, 7.5]
    )


def test_mooncake_can_keep_its_rounded_times() -> None:
    assert [a.at for a in read(SAMPLES / "mooncake.jsonl", spread=False)] == [0.0, 0.0, 0.0, 2.999, 6.0, 6.0]


def test_mooncake_blocks_have_512_tokens() -> None:
    first = next(iter(read(SAMPLES / "mooncake.jsonl")))
    assert (first.blocks, first.block_tokens) == ((0, 1, 2), 512)


def test_agents_follow_their_recorded_times() -> None:
    last = list(read(SAMPLES / "lmcache_agents.jsonl"))[-1]
    assert (last.at, last.session, last.turn, last.after_s) == (1.374, "a", 1, None)


def test_agents_can_wait_for_their_answers() -> None:
    pauses = [a.after_s for a in read(SAMPLES / "lmcache_agents.jsonl", closed=True, think_s=2.0)]
    assert pauses == [None, None, 2.0]


def test_agents_words_are_counted() -> None:
    first, second = read(SAMPLES / "lmcache_text.jsonl")
    assert (first.text, first.prompt_tokens, first.output_tokens) == ("Hello there, how are you?", 7, 2)
    assert (second.at, second.output_tokens) == (1.5, 1)


def test_tau_bench_sessions_start_apart_and_their_turns_follow() -> None:
    arrivals = list(read(SAMPLES / "taubench_sessions.jsonl", session_gap_s=4.0, user_s=9.0, tool_s=2.0))
    assert [(a.at, a.after_s) for a in arrivals] == [(0.0, None), (0.0, 2.0), (0.0, 9.0), (4.0, None)]


def test_a_generic_table_takes_a_field_map(tmp_path: Path) -> None:
    path = tmp_path / "my.jsonl"
    path.write_text(
        '{"ms": 500, "in": 40, "out": 2, "who": "s", "n": 0, "ids": [7, 8], "m": "llama", "say": "hi", "gap": null}\n'
        '{"ms": 750, "in": 9, "out": 1, "who": "s", "n": 1, "ids": [7], "m": "qwen", "say": "ho", "gap": 0.5}\n'
    )
    fields: dict[str, Any] = {"at": "ms", "prompt_tokens": "in", "output_tokens": "out", "session": "who", "turn": "n"}
    more: dict[str, Any] = {
        "blocks": "ids",
        "block_tokens": 32,
        "model": "m",
        "text": "say",
        "after_s": "gap",
        "time_unit_s": 0.001,
    }
    first, second = read(path, "generic", **fields, **more)
    assert first == Arrival(
        at=0.0, prompt_tokens=40, output_tokens=2, session="s", model="llama", blocks=(7, 8), block_tokens=32, text="hi"
    )
    assert (second.at, second.turn, second.after_s, second.model) == (0.25, 1, 0.5, "qwen")


def test_a_generic_table_takes_dates(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("at,prompt_tokens,output_tokens\n2024-01-01T00:00:00,1,1\n2024-01-01T00:01:00,1,1\n")
    assert [a.at for a in read(path, "generic")] == [0.0, 60.0]


def test_a_generic_map_to_a_missing_column_is_refused() -> None:
    with pytest.raises(BadTrace, match="has no column 'tokens_in'"):
        list(read(SAMPLES / "generic.csv", "generic", prompt_tokens="tokens_in"))


def test_a_pause_cannot_be_negative(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("at,prompt_tokens,output_tokens,gap\n0,1,1,-2\n")
    with pytest.raises(BadTrace, match="row 2: gap is -2, before the previous turn ends"):
        list(read(path, "generic", after_s="gap"))
