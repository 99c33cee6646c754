import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import mooncake_cache
from bench.mooncake_cache import (
    PUBLISHED,
    WHOLE,
    Lru,
    Prompt,
    Served,
    apart,
    implied,
    in_turn,
    label,
    prompts_of,
    published,
    rate,
    several,
    summary,
    where_most_is,
)


def chain(first: int, length: int) -> Prompt:
    """Ids of a prompt's blocks that begin with everybody's block 0."""
    return (0, *range(first, first + length))


PROMPTS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 7)).map(lambda drawn: chain(100 * drawn[0], drawn[1])), min_size=1
)


def write(folder: Path, name: str, prompts: list[Prompt]) -> None:
    """A Mooncake file of those prompts, one every three seconds."""
    rows = [
        {"timestamp": 3000 * i, "input_length": 512 * len(prompt) - 1, "output_length": 9, "hash_ids": list(prompt)}
        for i, prompt in enumerate(prompts)
    ]
    place = folder / mooncake_cache.FOLDER
    place.mkdir(exist_ok=True)
    (place / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@given(PROMPTS, st.integers(8, 30), st.booleans())
def test_the_engines_cache_finds_what_a_textbook_lru_finds(
    prompts: list[Prompt], capacity: int, tail_first: bool
) -> None:
    engine, textbook = Served(capacity, tail_first), Lru(capacity, tail_first)
    assert [engine.serve(prompt) for prompt in prompts] == [textbook.serve(prompt) for prompt in prompts]


@given(PROMPTS)
def test_a_greater_pool_never_finds_less(prompts: list[Prompt]) -> None:
    rates = [rate(prompts, Served(capacity).serve) for capacity in (8, 16, 64, math.inf)]
    assert rates == sorted(rates)


@given(PROMPTS)
def test_an_endless_pool_misses_every_block_once(prompts: list[Prompt]) -> None:
    blocks = [block for prompt in prompts for block in prompt]
    assert rate(prompts, Served(math.inf).serve) == pytest.approx(100.0 * (1.0 - len(set(blocks)) / len(blocks)))


def test_a_hit_ends_at_the_first_block_that_is_missing() -> None:
    pool = Lru(10)
    pool.serve((1, 2, 3))
    assert pool.leading((1, 9, 3)) == 1
    assert pool.leading((9, 2, 3)) == 0


def test_freed_tail_first_a_full_pool_keeps_the_head() -> None:
    pools = [Lru(4, tail_first) for tail_first in (False, True)]
    for pool in pools:
        pool.serve((1, 2, 3))
        pool.serve((7, 8, 9))
    assert [pool.leading((1,)) for pool in pools] == [0, 1]


def test_the_same_prompt_is_found_wherever_it_is_sent_by_what_is_there() -> None:
    prompts = [chain(100, 5), chain(200, 5), chain(100, 5), chain(200, 5)]
    assert apart(prompts, 2, 50, where_most_is) == pytest.approx(100.0 * 12 / 24)


def test_in_turn_two_caches_know_nothing_of_each_other() -> None:
    prompts = [chain(100, 5), chain(100, 5), chain(100, 5)]
    assert apart(prompts, 2, 50, in_turn) == pytest.approx(100.0 * 6 / 18)


def test_everybodys_first_block_draws_no_prompt_to_one_cache() -> None:
    pools = [Lru(9), Lru(9)]
    pools[0].serve(chain(100, 3))
    assert where_most_is(pools, chain(200, 3), 1) == 1
    assert where_most_is(pools, chain(100, 3), 1) == 0


def test_the_table_names_its_capacities() -> None:
    assert [label(capacity) for capacity in PUBLISHED] == ["1k", "5k", "10k", "30k", "50k", "100k", "inf"]
    assert published()["hit_inf"] == 36.6
    assert published()["turn_8x5859"] == 11.3


def test_several_caches_are_measured_in_turn_and_by_what_is_there() -> None:
    found = several([chain(100, 5)] * 20)
    assert set(found) > {"turn_8x800", "aware_8x800"}
    assert found["aware_8x800"] > found["turn_8x800"]


def test_half_the_trace_is_held_against_the_textbook_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, Any] = summary([chain(100, 5), chain(200, 5), chain(100, 5)])
    assert found["met"]
    assert found["target"] == {"apart_from_lru": {"most": 0.0}}
    assert found["figures"]["whole_trace"] is False
    assert "3 rows, not the 12,031" in capsys.readouterr().err


def test_the_whole_trace_is_held_against_the_published_table() -> None:
    found: dict[str, Any] = summary([chain(100, 5)] * WHOLE)
    assert not found["met"]
    assert found["figures"]["apart_from_lru"] == 0.0
    assert found["figures"]["apart_from_published"] > 60.0
    assert found["target"]["apart_from_published"] == {"most": 0.2}


def test_what_the_rest_must_be_follows_from_what_is_here() -> None:
    here = [(1,)] * (mooncake_cache.WHOLE_BLOCKS // 2)
    table = {f"hit_{label(capacity)}": percent - 1.0 for capacity, percent in PUBLISHED.items()}
    assert implied(here, table)["rest_1k"] == pytest.approx(PUBLISHED[1_000] + 1.0)


def test_parts_of_a_trace_are_put_together_in_its_order(tmp_path: Path) -> None:
    write(tmp_path, "b_first.jsonl", [chain(1, 3)])
    write(tmp_path, "a_second.jsonl", [chain(50, 3)])
    assert prompts_of(tmp_path) == [chain(1, 3), chain(50, 3)]


def test_the_partial_last_block_counts(tmp_path: Path) -> None:
    write(tmp_path, "half.jsonl", [chain(1, 3)])
    assert [len(prompt) for prompt in prompts_of(tmp_path)] == [4]


def test_the_whole_trace_is_taken_alone_where_a_part_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mooncake_cache, "WHOLE", 2)
    write(tmp_path, "half.jsonl", [chain(1, 3)])
    write(tmp_path, "whole.jsonl", [chain(1, 3), chain(50, 3)])
    assert len(prompts_of(tmp_path)) == 2


def test_a_folder_without_the_trace_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mooncake_cache.main(["--data", str(tmp_path)]) == 2
    assert "has no *.jsonl.gz: name a folder laid out like ../shared/data" in capsys.readouterr().err


def test_a_broken_row_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "half.jsonl", [chain(1, 3)])
    path = tmp_path / mooncake_cache.FOLDER / "half.jsonl"
    path.write_text(path.read_text().replace("[0", '["x"'))
    assert mooncake_cache.main(["--data", str(tmp_path)]) == 2
    assert "half.jsonl, row 1" in capsys.readouterr().err


def test_the_last_line_is_the_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "half.jsonl", [chain(1, 3), chain(1, 3)])
    assert mooncake_cache.main(["--data", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert found["name"] == "mooncake-cache"
    assert found["figures"]["hit_inf"] == 50.0
