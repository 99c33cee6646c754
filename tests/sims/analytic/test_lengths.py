"""Published distributions of lengths: exact moments, cut at a boundary and put together again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.lengths import LengthCdf, published

AZURE = published("azure")
boundaries = st.floats(70.0, 12_000.0)


@pytest.mark.parametrize("name", ["azure", "lmsys", "agent"])
def test_every_published_cdf_reads(name: str) -> None:
    lengths = published(name)
    assert lengths.share(0.0) == 0.0
    assert lengths.share(lengths.tokens[-1]) == 1.0


def test_an_unknown_cdf_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: agent, azure, lmsys"):
        published("azur")


def test_a_single_piece_is_uniform() -> None:
    lengths = LengthCdf.of(((100.0, 1.0),))
    assert lengths.moment(1) == pytest.approx(50.0)
    assert lengths.moment(2) == pytest.approx(100.0**2 / 3.0)
    assert lengths.share(25.0) == pytest.approx(0.25)


@given(boundaries)
def test_parts_put_together_have_the_moments_of_the_whole(boundary: float) -> None:
    share = AZURE.share(boundary)
    for power in (1, 2):
        parts = share * AZURE.below(boundary).moment(power) + (1.0 - share) * AZURE.above(boundary).moment(power)
        assert parts == pytest.approx(AZURE.moment(power))


@given(boundaries)
def test_a_part_lies_on_its_side_of_the_boundary(boundary: float) -> None:
    below, above = AZURE.below(boundary), AZURE.above(boundary)
    assert below.tokens[-1] == boundary
    assert below.share(boundary) == 1.0
    assert above.share(boundary) == pytest.approx(0.0, abs=1e-9)
    assert below.moment() < boundary < above.moment()


@given(boundaries, boundaries)
def test_shares_in_a_part_are_shares_of_the_whole_over_its_own(boundary: float, tokens: float) -> None:
    below = AZURE.below(boundary).share(tokens)
    assert below == pytest.approx(min(AZURE.share(tokens) / AZURE.share(boundary), 1.0))


@pytest.mark.parametrize("name", ["azure", "lmsys", "agent"])
def test_points_stand_for_the_distribution(name: str) -> None:
    lengths = published(name)
    tokens, weights = lengths.points(64)
    assert weights.sum() == pytest.approx(1.0)
    assert np.dot(tokens, weights) == pytest.approx(lengths.moment(1))
    assert np.dot(tokens**2, weights) == pytest.approx(lengths.moment(2), rel=1e-3)
    assert weights[tokens <= 4096.0].sum() == pytest.approx(lengths.share(4096.0))


def test_draws_have_the_mean_of_the_distribution() -> None:
    drawn = AZURE.draw(np.random.default_rng(1), 50_000)
    assert drawn.mean() == pytest.approx(AZURE.moment(), rel=0.02)


@pytest.mark.parametrize(
    "points",
    [((64.0, 0.5),), ((64.0, 0.5), (64.0, 1.0)), ((64.0, 0.6), (128.0, 0.5), (256.0, 1.0)), ((0.0, 0.5), (1.0, 1.0))],
)
def test_points_that_are_no_distribution_are_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="tokens must rise"):
        LengthCdf.of(points)


def test_a_part_with_nobody_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no request is as short"):
        published("agent").below(100.0)
    with pytest.raises(ValueError, match="no request is longer"):
        AZURE.above(16_384.0)
