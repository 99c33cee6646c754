"""The traffic of a plan: all of it or its busiest window, drawn anew by every seed."""

from dataclasses import replace

import numpy as np
import pytest

from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.plan.traffic import Sampled, busiest, expected_times, leading_tokens, sampled, told_span
from tests.sims.plan.plans import columns, traffic


def test_a_small_trace_is_taken_whole() -> None:
    found = sampled(columns(50))
    assert len(found.arrivals) == 50
    assert found.share == 1.0
    assert found.said.startswith("all 50 requests")


def test_of_a_large_trace_the_busiest_window_is_taken_and_said() -> None:
    quiet, busy = columns(400, rate=1.0), columns(200, rate=100.0)
    at = np.concatenate([quiet.at, quiet.at[-1] + 1.0 + busy.at])
    both = Arrivals.drawn(at, np.full(600, 100), np.full(600, 10))
    found = sampled(both, most=150)
    assert len(found.arrivals) == 150
    assert found.arrivals.rate_rps > 50.0
    assert found.arrivals.at[0] == 0.0
    assert found.share == 0.25
    assert "150 of 600 requests" in found.said


def test_the_busiest_window_is_the_one_with_most_tokens_rather_than_requests() -> None:
    prompts = np.concatenate([np.full(300, 10), np.full(300, 5000)])
    first, last = busiest(Arrivals.drawn(np.arange(600.0), prompts, np.ones(600)), 100)
    assert first >= 300
    assert last - first == 100


def test_arrivals_at_one_instant_have_no_rate_to_plan_for() -> None:
    with pytest.raises(ValueError, match="longer trace"):
        sampled(Arrivals.drawn(np.zeros(5), np.ones(5), np.ones(5)))


def test_the_same_seed_draws_the_same_traffic_and_another_one_other_traffic() -> None:
    whole = traffic(300)
    first, again, other = whole.drawn(1), whole.drawn(1), whole.drawn(2)
    assert np.array_equal(first.prompt_tokens, again.prompt_tokens)
    assert not np.array_equal(first.prompt_tokens, other.prompt_tokens)
    assert first.at[0] == other.at[0] == 0.0


def test_a_seed_sees_about_the_same_rate() -> None:
    whole = traffic(2000, rate=50.0)
    assert whole.drawn(3).rate_rps == pytest.approx(50.0, rel=0.1)


def test_a_higher_rate_is_the_same_requests_sooner() -> None:
    faster = traffic(100, rate=10.0).at_rate(4.0)
    assert faster.arrivals.rate_rps == pytest.approx(4.0 * traffic(100, rate=10.0).arrivals.rate_rps)
    assert len(faster.arrivals) == 100


def test_a_part_keeps_what_is_chosen() -> None:
    whole = traffic(100)
    short = whole.part(whole.arrivals.prompt_tokens < 800, "short")
    assert short.said == "short"
    assert short.arrivals.prompt_tokens.max() < 800


def test_analytic_traffic_has_the_same_means() -> None:
    whole = traffic(500, rate=20.0)
    found = whole.analytic
    assert found.rate == pytest.approx(whole.arrivals.rate_rps)
    assert found.mean(found.prompts) == pytest.approx(float(whole.arrivals.prompt_tokens.mean()))
    assert found.mean(found.cached) == 0.0


def turn(at: float, *blocks: int) -> Arrival:
    """A prompt of those blocks of 16 tokens."""
    return Arrival(at=at, prompt_tokens=16 * len(blocks) + 3, output_tokens=2, blocks=blocks, block_tokens=16)


def test_blocks_that_came_before_count_as_cached() -> None:
    arrivals = Arrivals.of([turn(0.0, 1, 2), turn(1.0, 1, 2, 3), turn(2.0, 9), turn(3.0, 1, 7)])
    assert leading_tokens(arrivals).tolist() == [0, 32, 0, 16]


def test_a_trace_without_blocks_finds_nothing_cached() -> None:
    assert leading_tokens(columns(5)).tolist() == [0] * 5


def test_a_sample_is_known_by_what_it_is_and_not_by_its_contents() -> None:
    one = traffic(10)
    assert len({one, Sampled(arrivals=one.arrivals, said=one.said)}) == 2


@pytest.mark.parametrize(
    ("seconds", "said"), [(30.0, "30 seconds"), (600.0, "10.0 minutes"), (7200.0, "2.0 hours"), (604_800.0, "7.0 days")]
)
def test_spans_are_told_in_the_unit_people_use(seconds: float, said: str) -> None:
    assert told_span(seconds) == said


def test_seeds_of_sessions_keep_their_turns_together() -> None:
    rows = columns(60)
    sessions = replace(rows, session=(np.arange(60) // 3).astype(np.int32))
    drawn = Sampled(arrivals=sessions, said="").drawn(5)
    counts = np.bincount(drawn.session)
    assert set(counts[counts > 0].tolist()) == {3}


def test_turns_that_wait_are_expected_after_the_answer_before_them() -> None:
    rows = [
        Arrival(at=10.0, prompt_tokens=5, output_tokens=100, session="a"),
        Arrival(at=10.0, prompt_tokens=5, output_tokens=10, session="a", after_s=2.0),
        Arrival(at=10.0, prompt_tokens=5, output_tokens=10, session="a", after_s=1.0),
        Arrival(at=20.0, prompt_tokens=5, output_tokens=10, session="b"),
    ]
    times = expected_times(Arrivals.of(rows)).tolist()
    assert times == pytest.approx([10.0, 10.0 + 2.0 + 0.5 + 3.0, 15.5 + 1.0 + 0.5 + 0.3, 20.0])


def test_given_times_are_expected_as_they_are() -> None:
    rows = columns(20)
    assert expected_times(rows) is rows.at


def test_closed_loops_are_slower_than_their_sessions_begin() -> None:
    rows = columns(100, rate=100.0)
    chained = replace(
        rows, session=(np.arange(100) // 10).astype(np.int32), after_s=np.where(np.arange(100) % 10, 5.0, np.nan)
    )
    assert Sampled(arrivals=chained, said="").analytic.rate < 10.0
