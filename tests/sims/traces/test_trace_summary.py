"""A trace in numbers, and streams made into streams."""

import pytest

from sims.arrival import Arrival
from sims.traces.reading.summary import describe
from sims.traces.reading.transforms import assigned, limited, scaled, window


def arrivals(count: int = 10, gap_s: float = 1.0) -> list[Arrival]:
    return [Arrival(at=i * gap_s, prompt_tokens=100 + i, output_tokens=10, session=f"s{i % 3}") for i in range(count)]


def test_even_arrivals_do_not_vary() -> None:
    summary = describe(arrivals(11))
    assert (summary.count, summary.span_s, summary.rate_rps, summary.cv) == (11, 10.0, 1.1, 0.0)


def test_lengths_are_percentiles_over_requests() -> None:
    prompt = describe(arrivals(101)).prompt
    assert (prompt.mean, prompt.p50, prompt.p90, prompt.p99, prompt.largest) == (150.0, 150.0, 190.0, 199.0, 200)


def test_sessions_are_counted_once() -> None:
    assert describe(arrivals()).sessions == 3
    assert describe([Arrival(at=0.0, prompt_tokens=1, output_tokens=1)]).sessions == 0


def test_reuse_counts_leading_blocks_that_were_seen() -> None:
    prompts = [(0, 1, 2), (0, 1, 3, 4), (9, 1), (0, 1, 3, 5)]
    stream = [Arrival(at=0.0, prompt_tokens=64, output_tokens=1, blocks=b, block_tokens=16) for b in prompts]
    summary = describe(stream)
    assert summary.reuse_share == (0 + 2 + 0 + 3) / 13
    assert summary.reusing_share == 2 / 4


def test_one_arrival_has_no_rate() -> None:
    summary = describe(arrivals(1))
    assert (summary.rate_rps, summary.cv) == (0.0, 0.0)


def test_nothing_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="no arrivals"):
        describe([])


def test_a_window_counts_from_its_start() -> None:
    assert [a.at for a in window(arrivals(), 3.0, 6.0)] == [0.0, 1.0, 2.0]


def test_a_window_without_end_keeps_the_rest() -> None:
    assert len(list(window(arrivals(), 3.0))) == 7


def test_twice_the_rate_halves_the_times() -> None:
    assert [a.at for a in scaled(arrivals(3), 2.0)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_must_be_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be above 0"):
        scaled(arrivals(), rate)


def test_a_limit_takes_the_first() -> None:
    assert list(limited(arrivals(), 2)) == arrivals()[:2]


def test_a_session_keeps_its_model() -> None:
    models = {a.session: a.model for a in assigned(arrivals(30), {"a": 0.5, "b": 0.5})}
    assert all(a.model == models[a.session] for a in assigned(arrivals(30), {"a": 0.5, "b": 0.5}))


def test_models_come_by_share() -> None:
    plain = [Arrival(at=0.0, prompt_tokens=1, output_tokens=1) for _ in range(4000)]
    chosen = [a.model for a in assigned(plain, {"large": 1.0, "small": 3.0, "never": 0.0})]
    assert chosen.count("large") == pytest.approx(1000, rel=0.1)
    assert chosen.count("never") == 0


@pytest.mark.parametrize("shares", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}])
def test_shares_must_make_sense(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares must name models"):
        list(assigned(arrivals(), shares))
