"""k times the traffic: more users, with their own sessions and prefixes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.traces.reading.growth import grown, grown_columns
from sims.traces.reading.summary import describe
from sims.traces.reading.transforms import scaled, spliced
from sims.workloads.drawing.workload import chosen


def sessions(count: int = 40) -> list[Arrival]:
    """Sessions of three turns over one system prompt, one session every ten seconds."""
    found = [
        Arrival(
            at=10.0 * s + 2.0 * t,
            prompt_tokens=48 + 16 * t,
            output_tokens=5,
            session=f"s{s}",
            turn=t,
            blocks=(0, *range(1000 * (s + 1), 1000 * (s + 1) + 2 + t)),
            block_tokens=16,
            after_s=1.0 if t else None,
        )
        for s in range(count)
        for t in range(3)
    ]
    return sorted(found, key=lambda a: a.at)


def rows(columns: Arrivals) -> list[Arrival]:
    return list(columns)


def test_one_times_the_traffic_is_the_traffic() -> None:
    assert list(grown(sessions(), 1.0)) == sessions()


def test_three_times_the_traffic_has_three_times_the_requests_over_nearly_the_same_span() -> None:
    many = list(grown(sessions(), 3.0))
    assert len(many) == 3 * len(sessions())
    assert all(a.at <= b.at for a, b in pairwise(many))
    assert many[-1].at <= sessions()[-1].at + 60.0


def test_pauses_inside_sessions_stay_as_they_were() -> None:
    turns: dict[str, list[float]] = {}
    for a in grown(sessions(), 5.0):
        turns.setdefault(a.session, []).append(a.at)
    assert len(turns) == 200
    assert all(np.diff(times) == pytest.approx([2.0, 2.0]) for times in turns.values())


def test_a_system_prompt_stays_common_and_every_other_prefix_is_a_copys_own() -> None:
    many = list(grown(sessions(), 4.0))
    assert {a.blocks[0] for a in many} == {0}
    owners: dict[int, set[str]] = {}
    for a in many:
        for block in a.blocks[1:]:
            owners.setdefault(block, set()).add(a.session)
    assert all(len(users) == 1 for users in owners.values())


def test_reuse_does_not_grow_with_the_users() -> None:
    once, many = describe(sessions()), describe(grown(sessions(), 10.0))
    assert many.reuse_share == pytest.approx(once.reuse_share, abs=0.01)


@given(st.floats(0.05, 6.0))
def test_a_part_of_the_traffic_keeps_whole_sessions(rate: float) -> None:
    turns: dict[str, int] = {}
    for a in grown(sessions(), rate):
        turns[a.session] = turns.get(a.session, 0) + 1
    assert set(turns.values()) <= {3}
    assert len(turns) == pytest.approx(40 * rate, abs=14)


@given(st.floats(0.2, 4.0))
def test_columns_grow_as_rows_do(rate: float) -> None:
    by_row = Arrivals.of(list(grown([a for a in sessions() if a.at < 200.0], rate)))
    by_column = grown_columns(Arrivals.of([a for a in sessions() if a.at < 200.0]), rate)
    assert sorted(by_row.at) == pytest.approx(sorted(by_column.at))
    assert by_row.prompt_tokens.sum() == by_column.prompt_tokens.sum()
    if not rate % 1.0:
        assert by_row.distinct_blocks == by_column.distinct_blocks
        assert describe(rows(by_row)).reuse_share == pytest.approx(describe(rows(by_column)).reuse_share)


def test_growing_smooths_bursts_that_compressing_keeps() -> None:
    bursty = list(chosen("cdf", {"family": "gamma", "cv": 6.0}).columns(1, count=3000))
    once, compressed, many = describe(bursty), describe(scaled(bursty, 20.0)), describe(grown(bursty, 20.0))
    assert compressed.cv == pytest.approx(once.cv)
    assert many.cv < 0.75 * once.cv
    assert many.rate_rps == pytest.approx(compressed.rate_rps, rel=0.15)


def test_the_same_growth_is_the_same_in_every_run() -> None:
    assert list(grown(sessions(), 3.3)) == list(grown(sessions(), 3.3))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e7])
def test_a_rate_that_makes_no_sense_is_refused(rate: float) -> None:
    with pytest.raises(BadSetting, match="rate must be above 0 and at most a million"):
        grown(sessions(), rate)


def test_lone_requests_share_what_a_tenth_of_them_begin_with() -> None:
    alone = [
        Arrival(at=float(i), prompt_tokens=32, output_tokens=1, blocks=(7, 100 + i), block_tokens=16) for i in range(20)
    ]
    many = grown_columns(Arrivals.of(alone), 3.0)
    assert many.distinct_blocks == 1 + 60
    assert many.blocks[many.ends[:-1]].tolist() == [0] * 60


def test_a_splice_goes_on_where_the_last_trace_ended_and_shares_nothing() -> None:
    both = list(spliced([sessions(3), sessions(2)], gap_s=5.0))
    assert len(both) == 15
    assert both[9].at == sessions(3)[-1].at + 5.0
    assert {a.session for a in both[:9]}.isdisjoint({a.session for a in both[9:]})
    assert {b for a in both[:9] for b in a.blocks}.isdisjoint({b for a in both[9:] for b in a.blocks})
