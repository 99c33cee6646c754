"""Traffic as weighted points: read from arrivals, cut by length, compressed, thinned and joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sims.analytic.lengths import published
from sims.analytic.traffic import Traffic, compressed, together
from sims.arrival import Arrival

counts = st.integers(1, 3000)
AZURE = Traffic.from_totals(published("azure"), 100.0)


@st.composite
def traffics(draw: st.DrawFn) -> Traffic:
    count = draw(counts)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Traffic(
        rate=draw(st.floats(0.1, 1000.0)),
        prompts=np.rint(rng.lognormal(6.0, 1.2, count)) + 1.0,
        outputs=np.rint(rng.lognormal(4.0, 1.0, count)) + 1.0,
        weights=rng.random(count) + 0.01,
        cached=np.rint(rng.lognormal(4.0, 1.5, count)),
        arrival_cv2=draw(st.floats(0.0, 5.0)),
    )


def arrivals(*times: float) -> list[Arrival]:
    return [Arrival(at=at, prompt_tokens=100 + i, output_tokens=10) for i, at in enumerate(times)]


def test_a_trace_gives_its_rate_and_its_burstiness() -> None:
    even = Traffic.of(arrivals(0.0, 0.5, 1.0, 1.5))
    assert even.rate == pytest.approx(2.0)
    assert even.arrival_cv2 == pytest.approx(0.0)
    assert list(even.prompts) == [100.0, 101.0, 102.0, 103.0]
    assert Traffic.of(arrivals(0.0, 0.0, 0.0, 6.0)).arrival_cv2 == pytest.approx(2.0)


def test_a_given_rate_replaces_the_traces() -> None:
    assert Traffic.of(arrivals(0.0, 1.0), rate=45.0).rate == 45.0
    assert Traffic.of(arrivals(0.0, 0.0), rate=45.0).arrival_cv2 == 1.0


def test_too_few_or_simultaneous_arrivals_have_no_rate() -> None:
    with pytest.raises(ValueError, match="at least 2 arrivals, not 1"):
        Traffic.of(arrivals(0.0))
    with pytest.raises(ValueError, match="give a rate"):
        Traffic.of(arrivals(1.0, 1.0))


@pytest.mark.parametrize(
    ("prompts", "outputs"), [([], []), ([1.0], [1.0, 2.0]), ([-1.0], [1.0]), ([float("nan")], [1.0])]
)
def test_points_that_are_no_requests_are_refused(prompts: list[float], outputs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"traffic needs|must be finite"):
        Traffic(rate=1.0, prompts=np.array(prompts), outputs=np.array(outputs))


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="rate and arrival_cv2"):
        AZURE.at(-1.0)


@given(traffics())
def test_weights_sum_to_one_and_something_of_a_prompt_is_always_computed(traffic: Traffic) -> None:
    assert traffic.weights.sum() == pytest.approx(1.0)
    assert np.all(traffic.cached < traffic.prompts)


@given(traffics(), st.floats(2.0, 5000.0))
def test_short_and_long_requests_are_all_of_them(traffic: Traffic, boundary: float) -> None:
    parts = [part for part in (traffic.below(boundary), traffic.above(boundary)) if part]
    assert sum(part.rate for part in parts) == pytest.approx(traffic.rate)
    assert sum(part.output_rate for part in parts) == pytest.approx(traffic.output_rate)


@given(traffics(), st.floats(50.0, 3000.0), st.floats(1.0, 2.0), st.floats(0.0, 1.0))
def test_compression_loses_no_request_and_no_answer(
    traffic: Traffic, boundary: float, gamma: float, share: float
) -> None:
    short, long = compressed(traffic, boundary, gamma, share)
    parts = [part for part in (short, long) if part]
    assert sum(part.rate for part in parts) == pytest.approx(traffic.rate)
    assert sum(part.output_rate for part in parts) == pytest.approx(traffic.output_rate)
    assert short is None or np.all(short.totals <= boundary + 1e-6)
    assert long is None or np.all(long.totals > boundary)


def test_without_compression_the_split_is_by_length_alone() -> None:
    short, long = compressed(AZURE, 4096.0, 1.0, 0.75)
    assert short is not None
    assert long is not None
    assert short.rate == pytest.approx(100.0 * published("azure").share(4096.0))


def test_compression_moves_its_share_of_those_in_between() -> None:
    lengths = published("azure")
    short, _ = compressed(AZURE, 4096.0, 1.5, 0.75)
    assert short is not None
    moved = 0.75 * (lengths.share(6144.0) - lengths.share(4096.0))
    assert short.rate == pytest.approx(100.0 * (lengths.share(4096.0) + moved))


def test_an_answer_as_long_as_the_boundary_cannot_be_compressed() -> None:
    traffic = Traffic(rate=1.0, prompts=np.array([50.0]), outputs=np.array([100.0]))
    short, long = compressed(traffic, 100.0, 2.0, 1.0)
    assert short is None
    assert long is not None
    assert long.rate == 1.0


@given(traffics())
def test_thinning_keeps_rates_means_and_tails(traffic: Traffic) -> None:
    thin = traffic.thinned()
    assert len(thin.prompts) <= max(18**2, 1)
    for name in ("prompts", "outputs", "cached"):
        assert thin.mean(getattr(thin, name)) == pytest.approx(traffic.mean(getattr(traffic, name)))
    assert thin.rate == traffic.rate


def test_thinning_keeps_the_longest_hundredth_apart() -> None:
    rng = np.random.default_rng(3)
    traffic = Traffic(rate=1.0, prompts=rng.lognormal(7.0, 1.0, 20_000), outputs=rng.lognormal(4.0, 1.0, 20_000))
    thin = traffic.thinned()
    last = np.quantile(traffic.prompts, 0.99)
    assert thin.share(thin.prompts > last) == pytest.approx(0.01, abs=0.002)


@given(traffics(), traffics())
def test_two_kinds_together_keep_both_rates(one: Traffic, other: Traffic) -> None:
    both = together(one, None, other)
    assert both is not None
    assert both.rate == pytest.approx(one.rate + other.rate)
    assert both.output_rate == pytest.approx(one.output_rate + other.output_rate)


def test_nothing_together_is_nothing() -> None:
    assert together(None, AZURE.at(0.0)) is None


@given(traffics(), hnp.arrays(np.float64, 1, elements=st.floats(0.05, 1.0)))
def test_thinned_out_arrivals_come_closer_to_poisson(traffic: Traffic, kept: np.ndarray) -> None:
    part = traffic.part(traffic.weights * float(kept[0]))
    assert part is not None
    assert abs(part.arrival_cv2 - 1.0) <= abs(traffic.arrival_cv2 - 1.0) + 1e-9
