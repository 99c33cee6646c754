"""Service times of a range of lengths: integrated exactly and drawn as published."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.lengths import published
from sims.analytic.paper.cards import card
from sims.analytic.paper.conventions import CORRECTED, PRINTED
from sims.analytic.paper.service import beyond, drawn, exact, serve, upto, whole

A100 = card("a100")
AZURE = published("azure")


def test_every_length_has_its_share() -> None:
    lengths, weights = exact([(4, 0.5), (8, 1.0)], 8, 1)
    assert list(lengths) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert weights == pytest.approx([0.125] * 8)


def test_lengths_begin_at_the_floor_and_are_cut_to_the_context() -> None:
    lengths, weights = exact([(4, 0.5), (8, 1.0)], 6, 3)
    assert list(lengths) == [3, 4, 5, 6]
    assert weights == pytest.approx([0.25] * 4)
    lengths, weights = exact([(4, 0.5), (8, 1.0)], 4, 1)
    assert dict(zip(lengths.tolist(), weights.tolist(), strict=True))[4.0] == pytest.approx(0.125 + 0.5)


def test_draws_are_those_of_seed_42_every_time() -> None:
    first, again = (drawn(whole(AZURE), 8192, 1, 3000) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.max() <= 8192
    assert len(first) == 3000


@pytest.mark.parametrize(
    ("name", "context", "bias"), [("azure", 8192, -0.042), ("agent", 65536, -0.047), ("lmsys", 65536, 0.096)]
)
def test_three_thousand_draws_are_off_by_as_much_as_is_known(name: str, context: int, bias: float) -> None:
    few = serve(whole(published(name)), context, A100, PRINTED)
    all_of_them = serve(whole(published(name)), context, A100, CORRECTED)
    assert few.mean_s / all_of_them.mean_s - 1.0 == pytest.approx(bias, abs=0.004)


def test_many_draws_come_to_the_exact_figures() -> None:
    lengths = drawn(whole(AZURE), 8192, 1, 60_000)
    every, weights = exact(whole(AZURE), 8192, 1)
    assert lengths.mean() == pytest.approx(np.dot(every, weights), rel=0.02)


def test_prefill_is_chunks_alone_on_the_card() -> None:
    one = serve([(640, 0.0), (641, 1.0)], 8192, A100, CORRECTED)
    assert one.prefill_s == pytest.approx(A100.step(1.0))
    assert one.prefill_p99_s == pytest.approx(A100.step(1.0))
    assert one.cv2 == 0.01
    assert one.rate == pytest.approx(128 / one.mean_s)


@given(st.sampled_from([256, 1024, 4096, 6144]))
def test_points_beyond_a_boundary_begin_there(boundary: int) -> None:
    points = beyond(AZURE, boundary)
    lengths, weights = exact(points, 65_536, boundary + 1)
    assert lengths.min() == boundary + 1
    short, short_weights = exact(upto(AZURE, boundary), boundary, 1)
    share = AZURE.share(boundary)
    whole_lengths, whole_weights = exact(whole(AZURE), 65_536, 1)
    total = share * np.dot(short, short_weights) + (1.0 - share) * np.dot(lengths, weights)
    assert total == pytest.approx(np.dot(whole_lengths, whole_weights))


def test_nothing_beyond_the_longest() -> None:
    assert beyond(AZURE, 16_384) == []
    with pytest.raises(ValueError, match="at least one point"):
        serve([], 8192, A100, CORRECTED)


def test_a_boundary_below_every_point_is_a_single_length() -> None:
    assert upto(AZURE, 1) == [(1, 1.0)]
