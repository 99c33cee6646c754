"""A trace drawn again: other sessions, each as it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.arrivals import NONE, Arrivals
from sims.sweep.redraw import SHIFT_S, redrawn, units
from tests.sims.sweep.studies import nameless, trace

SEEDS = st.integers(0, 1000)


def sessions(of: Arrivals) -> list[tuple[tuple[int, int], ...]]:
    """The lengths of every session's turns, sorted."""
    names = sorted(set(of.session.tolist()))
    pairs = list(zip(of.prompt_tokens.tolist(), of.output_tokens.tolist(), strict=True))
    return sorted(tuple(pairs[i] for i in np.flatnonzero(of.session == name)) for name in names)


def reuse(of: Arrivals) -> float:
    """Of all blocks, those seen before, whoever serves them."""
    return 1.0 - of.distinct_blocks / len(of.blocks)


@given(SEEDS)
def test_the_same_seed_draws_the_same(seed: int) -> None:
    first, second = redrawn(trace(), seed), redrawn(trace(), seed)
    assert first.at.tolist() == second.at.tolist()
    assert first.blocks.tolist() == second.blocks.tolist()


@given(SEEDS)
@settings(max_examples=30)
def test_every_drawn_session_is_one_of_the_trace_with_all_its_turns(seed: int) -> None:
    before, again = trace(), redrawn(trace(), seed)
    known = sessions(before)
    assert all(each in known for each in sessions(again))
    assert len(sessions(again)) == len(known)


@given(SEEDS)
@settings(max_examples=30)
def test_times_rise_and_stay_within_the_trace(seed: int) -> None:
    before, again = trace(), redrawn(trace(), seed)
    assert (np.diff(again.at) >= 0.0).all()
    assert before.at[0] <= again.at[0]
    assert again.at[-1] <= before.at[-1]


@given(SEEDS)
@settings(max_examples=30)
def test_turns_keep_their_distances(seed: int) -> None:
    again = redrawn(trace(count=500, rate_rps=1.0), seed)
    before = trace(count=500, rate_rps=1.0)
    known = {tuple(np.round(np.diff(before.at[before.session == s]), 6)) for s in set(before.session.tolist())}
    for session in set(again.session.tolist()):
        assert tuple(np.round(np.diff(again.at[again.session == session]), 6)) in known


def test_seeds_differ() -> None:
    assert len({tuple(redrawn(trace(), seed).prompt_tokens.tolist()) for seed in range(8)}) > 1


@given(SEEDS)
@settings(max_examples=30)
def test_prefixes_are_shared_within_a_session_and_not_between_copies_of_one(seed: int) -> None:
    again = redrawn(trace(), seed)
    assert reuse(again) == pytest.approx(reuse(trace()), abs=1e-9)


def test_what_everybody_shares_copies_share_too() -> None:
    before = trace()
    starts = np.zeros(len(before.blocks), np.bool_)
    starts[before.ends[:-1]] = True
    shared = replace(before, blocks=np.where(starts, 0, before.blocks + 1).astype(np.int32))
    again = redrawn(shared, 3)
    firsts = set(again.blocks[again.ends[:-1]].tolist())
    assert len(firsts) == 1


def test_requests_without_sessions_are_drawn_each_for_itself() -> None:
    again = redrawn(nameless(), 1)
    assert len(again) == 60
    assert (again.session == NONE).all()
    assert len(set(units(nameless()).tolist())) == 60


def test_requests_that_share_a_prefix_belong_together() -> None:
    rows = trace()
    anonymous = replace(rows, session=np.full(len(rows), NONE, np.int32))
    assert len(set(units(anonymous).tolist())) == len(set(rows.session.tolist()))


def test_a_prefix_that_everybody_has_says_nothing() -> None:
    rows = nameless()
    same = replace(rows, blocks=np.zeros(60, np.int32), ends=np.arange(61, dtype=np.int64), block_tokens=16)
    assert len(set(units(same).tolist())) == 60


def test_closed_loop_sessions_keep_their_order() -> None:
    rows = trace()
    after = np.where(np.arange(len(rows)) < 12, np.nan, 1.0)
    again = redrawn(replace(rows, after_s=after), 5)
    following = again.next_turns()
    assert (following != NONE).sum() == np.isfinite(again.after_s).sum()


def test_one_arrival_cannot_be_drawn_again() -> None:
    one = trace(count=1)
    assert redrawn(one, 4) is one


def test_copies_move_by_at_most_a_minute() -> None:
    rows = nameless(count=200, rate_rps=0.01)
    again = redrawn(rows, 2)
    for at, tokens in zip(again.at, again.output_tokens, strict=True):
        near = rows.at[rows.output_tokens == tokens]
        assert np.abs(near - at).min() <= SHIFT_S
