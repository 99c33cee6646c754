"""The kv-index bench: its stream says what an engine could say, and its figures keep their bounds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.kv import figures, side, stream
from bench.kv.stream import LONGEST, REMOVED, STORED, STRANGE, draw, of_content, of_prefix, read
from bench.kv.weir_side import WeirSide


@pytest.fixture(scope="module")
def drawn() -> stream.Stream:
    return draw(30_000, 16, seed=3)


def test_every_event_names_a_block_before_it_that_its_replica_holds(drawn: stream.Stream) -> None:
    held: set[tuple[int, int]] = set()
    for replica, before, first, count, kind in [*drawn.events.tolist(), *drawn.churn.tolist()]:
        blocks = {(replica, block) for block in range(first, first + count)}
        assert before < 0 or (replica, before) in held
        if kind == STORED:
            assert not blocks & held
            held |= blocks
        else:
            assert blocks <= held
            held -= blocks


def test_loading_only_stores_and_churn_does_both(drawn: stream.Stream) -> None:
    assert set(drawn.events[:, 4]) == {STORED}
    assert set(drawn.churn[:, 4]) == {STORED, REMOVED}
    told = np.unique(np.concatenate([np.arange(a, a + n) for _, _, a, n, _ in drawn.events]))
    assert len(told) == drawn.blocks >= 30_000


def test_several_replicas_hold_the_same_prefix_and_answers_come_block_by_block(drawn: stream.Stream) -> None:
    assert drawn.events[:, 3].sum() > 1.2 * drawn.blocks
    assert 0.4 < (drawn.events[:, 3] == 1).mean() < 0.95


def test_prompts_begin_as_something_held_and_end_as_nobody_has_seen(drawn: stream.Stream) -> None:
    for number in range(drawn.prompts):
        prompt = drawn.prompt(number)
        assert prompt[0] < drawn.blocks * 2 < STRANGE <= prompt[-1]
        assert len(prompt) <= LONGEST + stream.TAIL_BLOCKS[1]


def test_a_stream_is_read_as_it_was_written(drawn: stream.Stream, tmp_path: Path) -> None:
    drawn.save(tmp_path / "one.npz")
    back = read(tmp_path / "one.npz")
    assert (back.replicas, back.blocks) == (drawn.replicas, drawn.blocks)
    assert all((getattr(back, name) == getattr(drawn, name)).all() for name in ("events", "churn", "pieces"))


def test_the_two_hashes_of_a_block_are_each_its_own() -> None:
    numbers = np.arange(100_000)
    both = np.concatenate([of_content(numbers), of_prefix(numbers)])
    assert len(np.unique(both)) == 200_000
    assert both.min() >= 2


def test_weirs_side_answers_as_a_dictionary_would(drawn: stream.Stream) -> None:
    weir, held = WeirSide(drawn), dict[int, set[int]]()
    for events in (drawn.events, drawn.churn):
        told = side.apply_all(weir, events)
        assert sum(way["events"] for way in told.values()) == len(events)
        for replica, _, first, count, kind in events.tolist():
            mine = held.setdefault(replica, set())
            (mine.update if kind == STORED else mine.difference_update)(range(first, first + count))
    for number in range(0, drawn.prompts, 7):
        prompt = drawn.prompt(number)
        runs = {
            row: next(i for i, block in enumerate(prompt.tolist()) if block not in mine) for row, mine in held.items()
        }
        assert weir.answer(weir.find(weir.asked(prompt))) == {row: run for row, run in runs.items() if run}


def told(p50: float, call: float, events: int) -> dict[str, Any]:
    way = {"events": events, "blocks": 4 * events, "seconds": 2.0, "cpu_s": 1.0 + events / 100.0}
    return {"p50_us": p50, "p99_us": 9.0, "call_us": call, "hash_32k_us": 30.0, "bytes": 800, "ways": way}


def test_figures_compare_rounds_and_leave_out_what_a_call_costs() -> None:
    ours, theirs = told(10.0, 4.0, 100), told(40.0, 10.0, 50)
    both = {
        "weir": ours | {"ways": {"message": ours["ways"], "array": ours["ways"]}},
        "dynamo": theirs | {"ways": {"json": theirs["ways"]}},
    }
    found = figures.compare("1m_64", 100, both, [both, both, both], both, both)
    assert found["1m_64_find_over_dynamo"] == 0.25
    assert found["1m_64_find_over_dynamo_less_calls"] == 0.2
    assert found["1m_64_load_events_per_s"] == 50.0
    assert found["1m_64_load_blocks_over_dynamo"] == 2.0
    assert found["1m_64_churn_events_over_dynamo_in_cpu_s"] == 1.5
    assert found["1m_64_bytes_a_block"] == 8.0
    assert figures.met(found, [(10**6, 64)])
    assert not figures.met(found | {"1m_64_find_over_dynamo": 1.1}, [(10**6, 64)])
    assert not figures.met(found, [(10**6, 64), (10**7, 64)])


def test_no_seconds_are_no_rate() -> None:
    assert figures.rate({"events": 3, "seconds": 0.0}, "events") == 0.0
