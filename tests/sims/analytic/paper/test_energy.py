"""Tokens a joule and power given up, as published."""

from math import inf

import pytest

from sims.analytic.lengths import published
from sims.analytic.paper.cards import card
from sims.analytic.paper.computed import Computed, gpu, shape
from sims.analytic.paper.energy import b200, full, loaded, mean_output, parted, pool, split, together
from sims.analytic.paper.flex import curtail
from sims.analytic.paper.service import whole

A100, H100, A10G = card("a100"), card("h100"), card("a10g")
AZURE, LMSYS = published("azure"), published("lmsys")


@pytest.mark.parametrize(
    ("context", "tokens"), [(2048, 35.0), (4096, 17.62), (8192, 8.97), (16384, 4.69), (65536, 1.50)]
)
def test_tokens_a_joule_halve_with_every_doubling(context: int, tokens: float) -> None:
    assert full(H100, context) == pytest.approx(tokens, abs=0.005)


def test_the_projected_b200_is_as_published() -> None:
    one = b200()
    assert (one.kv_blocks, one.most_slots, one.idle_w, one.full_w) == (171_936, 671, 430.0, 860.0)
    assert one.step_s == pytest.approx(2.955e-3, abs=5e-7)
    assert one.midpoint == pytest.approx(4.46, abs=0.005)


def test_a_pool_at_its_least_size_is_as_published() -> None:
    one = pool(whole(AZURE), 100.0, H100, 8192)
    assert (one.cards, round(one.utilisation, 2), round(one.watts)) == (6, 0.82, 577)
    assert one.tokens_per_joule == pytest.approx(9.38, abs=0.005)
    assert one.kilowatts == pytest.approx(6 * 577.3 / 1e3, abs=1e-3)


def test_pools_together_share_their_watts() -> None:
    pools = parted(AZURE, 100.0, 4096, (A10G, 8192), (H100, 8192))
    cards, kilowatts, tokens = together(pools)
    assert cards == sum(one.cards for one in pools)
    assert tokens == pytest.approx(sum(one.output_rate for one in pools) / kilowatts / 1e3)
    assert tokens == pytest.approx(8.71, abs=0.005)


def test_the_published_topologies_come_out() -> None:
    two = together(parted(AZURE, 1000.0, 4096, (H100, 4096), (H100, 65_536)))
    squeezed = together(parted(AZURE, 1000.0, 8192, (H100, 4096), (H100, 65_536)))
    assert (two[0], round(two[1], 1), round(two[2], 2)) == (68, 32.0, 9.16)
    assert (squeezed[0], round(squeezed[1], 1), round(squeezed[2], 2)) == (40, 23.1, 14.08)


def test_a_split_gives_both_sides_whole_cdfs() -> None:
    below, above, share = split(LMSYS, 1536)
    assert share == pytest.approx(0.90886)
    assert below[-1] == (1536, 1.0)
    assert above[-1] == (65_536, 1.0)


def test_answers_are_a_fifth_rounded_down() -> None:
    assert mean_output([(100, 1.0)]) == 10
    assert mean_output([(4, 1.0)]) == 1


def test_a_pool_less_than_full_is_computed_at_whole_sequences() -> None:
    assert loaded(H100, 8192) == pytest.approx(full(H100, 8192, 108))
    assert loaded(Computed(gpu=gpu("h100"), shape=shape("llama-8b"), gpus=1), 8192) == pytest.approx(6.24, abs=0.005)


@pytest.mark.parametrize(
    ("share", "batch", "watts", "p99_ms"),
    [
        (0.0, 128, 583, 7.9),
        (0.1, 48, 540, 7.9),
        (0.2, 24, 479, 7.9),
        (0.3, 13, 413, 7.9),
        (0.4, 6, 350, inf),
        (0.5, 1, 304, inf),
    ],
)
def test_power_given_up_is_as_published(share: float, batch: int, watts: int, p99_ms: float) -> None:
    one = curtail(AZURE, 200.0, 40, H100, share)
    assert (one.batch, round(one.watts)) == (batch, watts)
    assert one.p99_ms == pytest.approx(p99_ms, abs=0.05)
    assert one.kilowatts == pytest.approx(40 * one.watts / 1e3)


def test_a_small_fleet_drowns_at_once() -> None:
    assert curtail(AZURE, 100.0, 15, A100, 0.0).p99_ms < 30.0
    assert curtail(AZURE, 100.0, 15, A100, 0.05).p99_ms == inf
