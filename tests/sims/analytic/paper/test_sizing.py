"""fleet-sim's sizes: published ones, and what putting its arithmetic right changes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.analytic.lengths import published
from sims.analytic.paper.cards import card
from sims.analytic.paper.conventions import CORRECTED, PRINTED
from sims.analytic.paper.disaggregation import cheapest_pair, mean_tokens, pairs
from sims.analytic.paper.mixing import long_points, short_points
from sims.analytic.paper.service import exact, serve, whole
from sims.analytic.paper.sizing import Split, alone, cheapest, least_cards, size, sweep, wait

A100, H100, A10G = card("a100"), card("h100"), card("a10g")
AZURE, LMSYS, AGENT = published("azure"), published("lmsys"), published("agent")
SPLIT = Split(short=A100, long=A100, boundary=6144)


def test_published_fleets_come_out() -> None:
    assert size(LMSYS, 100.0, alone(SPLIT, 65_536)).cards == 14
    assert size(AGENT, 200.0, alone(SPLIT, 65_536)).cards == 480
    two = size(LMSYS, 100.0, replace(SPLIT, boundary=4096))
    assert (two.short.cards, two.long.cards) == (3, 5)
    assert round(two.dollars_per_year / 1e3) == 155
    assert (round(two.short.p99_ms), round(two.long.p99_ms)) == (13, 108)


def test_published_gammas_come_out() -> None:
    found = sweep(AZURE, 200.0, SPLIT)
    assert [found[gamma].cards for gamma in (1.0, 1.1, 1.2, 1.3, 1.4, 2.0)] == [28, 26, 24, 24, 27, 27]
    assert cheapest(found).gamma == 1.2


def test_the_cheapest_keeps_the_deadline_if_any_does() -> None:
    found = sweep(AGENT, 20.0, replace(SPLIT, deadline_ms=60.0))
    assert not any(fleet.keeps for fleet in found.values())
    assert cheapest(found) in found.values()


@settings(max_examples=20)
@given(st.floats(1.0, 500.0))
def test_the_size_keeps_utilisation_and_deadline(rate: float) -> None:
    service = serve(whole(AZURE), 8192, H100, CORRECTED)
    cards = least_cards(rate, service, 500.0, CORRECTED)
    assert rate <= 0.85 * cards * service.rate * (1 + 1e-9)
    assert wait(cards, rate, service).quantile(0.99) + service.prefill_p99_s <= 0.5


def test_no_rate_needs_one_card() -> None:
    assert least_cards(0.0, serve(whole(AZURE), 8192, H100, PRINTED), 500.0, PRINTED) == 1


def test_spares_are_added_to_every_pool() -> None:
    without, spared = size(AZURE, 200.0, SPLIT), size(AZURE, 200.0, replace(SPLIT, availability=0.95))
    assert (without.short.cards, without.long.cards) == (18, 10)
    assert (spared.short.cards, spared.long.cards) == (19, 11)


def test_a_prompt_that_alone_misses_the_deadline_is_not_answered_with_cards() -> None:
    fleet = size(AGENT, 200.0, replace(SPLIT, boundary=4096, conventions=CORRECTED))
    assert not fleet.keeps
    assert fleet.cards < 1000


def test_nobody_is_lost_when_compression_is_put_right() -> None:
    upper, boundary = 9216, 6144
    short = exact(short_points(AZURE, boundary, upper, CORRECTED), boundary, 1)
    long = exact(long_points(AZURE, boundary, upper, CORRECTED)[0], 65_536, boundary + 1)
    at, above = AZURE.share(boundary), AZURE.share(upper)
    moved = 0.75 * (above - at)
    assert long[0].min() == boundary + 1
    assert short[1][short[0] == boundary].sum() == pytest.approx(moved / (at + moved))
    stay = float(long[1][long[0] <= upper].sum())
    assert stay == pytest.approx(0.25 * (above - at) / (1.0 - at - moved), rel=1e-3)
    assert short[1].sum() == pytest.approx(1.0)
    assert long[1].sum() == pytest.approx(1.0)


def test_without_compression_both_ways_of_mixing_are_one() -> None:
    for boundary in (1024, 4096):
        assert short_points(AZURE, boundary, boundary, PRINTED) == short_points(AZURE, boundary, boundary, CORRECTED)
        assert long_points(AZURE, boundary, boundary, PRINTED) == long_points(AZURE, boundary, boundary, CORRECTED)


@pytest.mark.parametrize(
    ("prefill", "decode", "expected"),
    [(H100, A100, (1, 6, 162, 91)), (A100, H100, (1, 3, 492, 45)), (H100, H100, (1, 3, 162, 45))],
)
def test_published_pairs_come_out(prefill: object, decode: object, expected: tuple[int, ...]) -> None:
    best = cheapest_pair(pairs(AZURE, prefill, decode, 8192), 100.0, 500.0, 100.0)  # type: ignore[arg-type]
    assert best is not None
    assert (best.prefills, best.decodes, round(best.ttft_ms), round(best.tpot_ms)) == expected


def test_no_pair_within_an_impossible_deadline() -> None:
    assert cheapest_pair(pairs(AZURE, A10G, A10G, 8192), 100.0, 1.0, 1.0) is None


def test_mean_tokens_are_taken_at_the_upper_ends() -> None:
    assert mean_tokens(AZURE) == pytest.approx(1934.26, abs=0.01)
    assert mean_tokens(AZURE) > float(np.dot(*exact(whole(AZURE), 65_536, 1)))
