"""Distributions draw what they promise, and generated conversations grow."""

from itertools import islice

import numpy as np
import pytest

from sims.workloads.drawing.lengths import Quantiles
from sims.workloads.drawing.times import gamma_times
from sims.workloads.drawing.workload import chosen
from sims.workloads.mooncake_conversation import MOST_OPEN, READING_S, Conversations


def rng() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(5))


def test_quantiles_go_through_their_points() -> None:
    drawn = Quantiles.of([(0.0, 10), (0.5, 100), (1.0, 1000)]).draw(rng(), 100_000)
    assert np.percentile(drawn, 50) == pytest.approx(100, rel=0.02)
    assert (drawn.min(), drawn.max()) == (10, 1000)


def test_between_points_the_logarithm_is_linear() -> None:
    drawn = Quantiles.of([(0.0, 1), (1.0, 10_000)]).draw(rng(), 100_000)
    assert np.percentile(drawn, 25) == pytest.approx(10, rel=0.1)


def test_the_stated_mean_is_the_drawn_mean() -> None:
    shape = Quantiles.of([(0.0, 10), (0.3, 100), (1.0, 1000)])
    assert shape.draw(rng(), 200_000).mean() == pytest.approx(shape.mean, rel=0.01)


@pytest.mark.parametrize(
    "points",
    [
        [(0.1, 10), (1.0, 20)],
        [(0.0, 10), (0.9, 20)],
        [(0.0, 0), (1.0, 20)],
        [(0.0, 10), (1.0, 1e9)],
        [(0.0, 1), (0.5, 3), (0.4, 9), (1.0, 20)],
    ],
)
def test_points_that_do_not_rise_are_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="quantiles must rise"):
        Quantiles.of(points)


def test_a_length_that_many_have_is_a_step() -> None:
    shape = Quantiles.of([(0.0, 10), (0.2, 100), (0.9, 100), (1.0, 1000)])
    drawn = shape.draw(rng(), 100_000)
    assert (drawn == 100).mean() == pytest.approx(0.7, abs=0.01)
    assert drawn.mean() == pytest.approx(shape.mean, rel=0.01)


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 3.0])
def test_gaps_have_the_asked_rate_and_variation(cv: float) -> None:
    gaps = np.diff(list(islice(gamma_times(rng(), 4.0, cv), 50_000)))
    assert gaps.mean() == pytest.approx(0.25, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05, abs=1e-9)


@pytest.mark.parametrize(("rate", "cv"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_a_rate_of_nothing_is_refused(rate: float, cv: float) -> None:
    with pytest.raises(ValueError, match="rate_rps must be above 0"):
        next(gamma_times(rng(), rate, cv))


def test_a_faster_stream_has_the_same_requests() -> None:
    slow = islice(chosen("azure_conversation").arrivals(1), 100)
    fast = islice(chosen("azure_conversation", {"rate_rps": 55.3}).arrivals(1), 100)
    for a, b in zip(slow, fast, strict=True):
        assert (a.prompt_tokens, a.output_tokens) == (b.prompt_tokens, b.output_tokens)
        assert a.at == pytest.approx(b.at * 10)


def test_a_continued_conversation_keeps_its_full_blocks() -> None:
    last: dict[str, tuple[int, tuple[int, ...]]] = {}
    for a in islice(chosen("mooncake_conversation").arrivals(1), 3000):
        tokens, blocks = last.get(a.session, (0, (0,)))
        kept = max(tokens // 512, 1)
        assert a.blocks[:kept] == blocks[:kept]
        assert a.prompt_tokens > tokens
        last[a.session] = (a.prompt_tokens, a.blocks)


def test_every_prompt_starts_with_the_universal_block() -> None:
    assert {a.blocks[0] for a in islice(chosen("mooncake_conversation").arrivals(1), 500)} == {0}


def test_the_longest_conversation_that_fits_is_continued() -> None:
    talks = Conversations()
    for tokens in (100, 300, 200):
        talk = talks.start(0.0)
        talk.prompt_tokens = tokens
        talks.put(talk, tokens, 0.0)
    taken = talks.take(250.0, READING_S)
    assert taken is not None
    assert taken.prompt_tokens == 200
    assert talks.take(90.0, READING_S) is None


def test_nobody_asks_again_before_reading() -> None:
    talks = Conversations()
    talks.put(talks.start(10.0), 100, 0.0)
    assert talks.take(500.0, 10.0 + READING_S - 0.1) is None
    assert talks.take(500.0, 10.0 + READING_S) is not None


def test_open_conversations_are_bounded() -> None:
    talks = Conversations()
    for i in range(MOST_OPEN + 50):
        talks.put(talks.start(0.0), i, 0.5)
    left = 0
    while talks.take(1e9, 100.0):
        left += 1
    assert left == MOST_OPEN
