"""Arrivals as columns: the same rows, in and out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.arrivals import NONE, Arrivals, dense

ROW = Arrival(at=1.0, prompt_tokens=40, output_tokens=5)


@st.composite
def rows(draw: st.DrawFn) -> list[Arrival]:
    times = sorted(draw(st.lists(st.floats(0, 1e6), max_size=12)))
    return [
        Arrival(
            at=at,
            prompt_tokens=(prompt := draw(st.integers(1, 200))),
            output_tokens=draw(st.integers(1, 50)),
            session=draw(st.sampled_from(["", "0", "1"])),
            model=draw(st.sampled_from(["", "a", "b"])),
            blocks=tuple(range(prompt // 16)),
            block_tokens=16 if prompt >= 16 else 0,
            after_s=draw(st.none() | st.floats(0, 10)),
        )
        for at in times
    ]


def named(row: Arrival) -> Arrival:
    """The row but for its session's name, which becomes a number."""
    return replace(row, session="x" if row.session else "")


@given(rows())
def test_rows_come_out_as_they_went_in(given_: list[Arrival]) -> None:
    arrivals = Arrivals.of(iter(given_))
    assert [named(row) for row in arrivals] == [named(row) for row in given_]
    assert len(arrivals) == len(given_)


@given(rows())
def test_rows_of_one_session_stay_in_one_session(given_: list[Arrival]) -> None:
    sessions = Arrivals.of(given_).session
    for i, one in enumerate(given_):
        for j, other in enumerate(given_):
            assert (sessions[i] == sessions[j] != NONE) == bool(one.session and one.session == other.session)


@given(rows(), st.data())
def test_chosen_rows_are_those_rows(given_: list[Arrival], data: st.DataObject) -> None:
    arrivals = Arrivals.of(given_)
    places = data.draw(st.lists(st.integers(0, len(given_) - 1), unique=True)) if given_ else []
    chosen = arrivals.chosen(np.array(places, np.int64))
    assert chosen.at.tolist() == [given_[place].at for place in places]
    assert [len(row.blocks) for row in chosen] == [len(given_[place].blocks) for place in places]
    assert chosen.distinct_blocks == max((len(given_[place].blocks) for place in places), default=0)


def test_a_mask_chooses_as_places_do() -> None:
    arrivals = Arrivals.of([replace(ROW, at=float(i)) for i in range(4)])
    assert arrivals.chosen(np.array([True, False, True, False])).at.tolist() == [0.0, 2.0]


def test_a_partial_last_block_is_left_out() -> None:
    arrivals = Arrivals.of([replace(ROW, blocks=(7, 8, 9), block_tokens=16)])
    assert arrivals[0].blocks == (0, 1)
    assert arrivals.block_tokens == 16


def test_blocks_are_numbered_from_nought_without_gaps_and_alike_where_they_were() -> None:
    first = replace(ROW, blocks=(10**15, 70), block_tokens=16)
    second = replace(ROW, blocks=(10**15, 3), block_tokens=16)
    arrivals = Arrivals.of([first, second])
    assert sorted(set(arrivals.blocks.tolist())) == [0, 1, 2]
    assert arrivals[0].blocks[0] == arrivals[1].blocks[0]
    assert dense(np.array([], np.int64)).size == 0


def test_blocks_of_two_sizes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"blocks of \[16, 32\] tokens in one trace"):
        Arrivals.of([replace(ROW, blocks=(1,), block_tokens=size) for size in (16, 32)])


def test_a_turn_waits_for_the_one_before_it_in_its_session() -> None:
    turns = [("a", None), ("b", None), ("a", 1.0), ("", None), ("b", None), ("a", 2.0), ("b", 0.0)]
    arrivals = Arrivals.of([replace(ROW, session=name, after_s=after) for name, after in turns])
    assert arrivals.next_turns().tolist() == [2, NONE, 5, NONE, 6, NONE, NONE]


def test_where_no_turn_waits_there_is_nothing_to_follow() -> None:
    assert (Arrivals.of([replace(ROW, session="a")] * 3).next_turns() == NONE).all()


def test_columns_alone_make_arrivals_of_which_nothing_else_is_known() -> None:
    arrivals = Arrivals.drawn(np.array([0.0, 4.0]), np.array([10, 20]), np.array([1, 2]))
    assert [row.prompt_tokens for row in arrivals] == [10, 20]
    assert all(not (row.session or row.model or row.blocks) and row.after_s is None for row in arrivals)
    assert (arrivals.span_s, arrivals.rate_rps, arrivals.distinct_blocks) == (4.0, 0.5, 0)


def test_the_rate_of_what_comes_all_at_once_is_without_bound() -> None:
    assert Arrivals.of([ROW, ROW]).rate_rps == float("inf")
    assert Arrivals.of([]).span_s == 0.0


def test_columns_of_unlike_lengths_are_an_error() -> None:
    arrivals = Arrivals.of([ROW, ROW])
    with pytest.raises(ValueError, match="1 entries of session for 2 arrivals"):
        replace(arrivals, session=np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="ends must have 3 entries"):
        replace(arrivals, ends=np.zeros(2, np.int64))
