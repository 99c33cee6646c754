"""A row's values are what they say, or the row is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.traces.reading.row import MOST_TOKENS, BadTrace, Row
from sims.traces.reading.summary import describe
from sims.traces.reading.transforms import assigned, scaled, window


def row(value: Any) -> Row:
    return Row("t.csv", 7, {"x": value})


def refusal(take: Callable[[], object]) -> str:
    try:
        take()
    except BadTrace as error:
        return str(error)
    return ""


@given(st.integers(0, MOST_TOKENS))
def test_a_count_reads_the_same_from_text_and_from_json(count: int) -> None:
    assert row(count).whole("x") == row(str(count)).whole("x") == row(float(count)).whole("x") == count


@given(st.one_of(st.text(), st.floats(), st.none(), st.booleans(), st.lists(st.integers()), st.integers()))
def test_any_value_is_a_token_count_or_a_bad_trace(value: Any) -> None:
    said = refusal(lambda: row(value).tokens("x"))
    assert said.startswith("t.csv, row 7: x ") or 1 <= row(value).tokens("x") <= MOST_TOKENS


@given(st.one_of(st.text(), st.none(), st.integers(), st.datetimes().map(str)))
def test_any_value_is_a_time_or_a_bad_trace(value: Any) -> None:
    said = refusal(lambda: row(value).seconds("x"))
    assert said.startswith("t.csv, row 7: x ") or isinstance(row(value).seconds("x"), float)


@pytest.mark.parametrize(("text", "seconds"), [("1970-01-01 00:01:00", 60.0), ("1970-01-01T01:00:00.5+01:00", 0.5)])
def test_a_date_without_a_zone_is_in_utc(text: str, seconds: float) -> None:
    assert row(text).seconds("x") == seconds


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(BadTrace, match=r"x is 'yyyyy.*\.\.\., not a number"):
        row("y" * 100).number_of("x")


def test_the_largest_prompt_that_fits_is_taken() -> None:
    assert row(MOST_TOKENS).tokens("x") == MOST_TOKENS
    with pytest.raises(BadTrace, match="fit no model"):
        row(MOST_TOKENS + 1).tokens("x")


def test_an_empty_answer_counts_as_one_token() -> None:
    assert (row(0).recorded("x"), row(5).recorded("x")) == (1, 5)


prompts = st.lists(st.lists(st.integers(0, 5), max_size=6).map(tuple), min_size=1, max_size=20)


@given(prompts)
def test_reuse_is_what_a_cache_without_bounds_would_hold(blocks: list[tuple[int, ...]]) -> None:
    arrivals = [Arrival(at=0.0, prompt_tokens=96, output_tokens=1, blocks=b, block_tokens=16) for b in blocks]
    hits = 0
    for place, prompt in enumerate(blocks):
        before = {block for earlier in blocks[:place] for block in earlier}
        hits += next((i for i, block in enumerate(prompt) if block not in before), len(prompt))
    total = sum(map(len, blocks))
    assert describe(arrivals).reuse_share == (hits / total if total else 0.0)


times = st.lists(st.floats(0.0, 1e4), min_size=1, max_size=30).map(sorted)


def at(moments: list[float]) -> list[Arrival]:
    return [Arrival(at=moment, prompt_tokens=1, output_tokens=1) for moment in moments]


@given(times, st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_a_window_holds_what_lies_in_it(moments: list[float], start: float, length: float) -> None:
    inside = [m for m in moments if start <= m < start + length]
    assert [a.at for a in window(at(moments), start, start + length)] == [m - start for m in inside]


@given(times, st.floats(0.1, 100.0))
def test_scaling_there_and_back_changes_nothing(moments: list[float], rate: float) -> None:
    there = scaled(scaled(at(moments), rate), 1.0 / rate)
    assert [a.at for a in there] == pytest.approx(moments)


@given(times)
def test_assigning_models_changes_nothing_else(moments: list[float]) -> None:
    models = list(assigned(at(moments), {"a": 1.0, "b": 2.0}))
    assert [a.at for a in models] == moments
    assert {a.model for a in models} <= {"a", "b"}
