"""What holds of fleet-sim's arithmetic over drawn distributions, cards, rates and boundaries."""

from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sims.analytic.lengths import LengthCdf, published
from sims.analytic.paper.cards import HandSet, card
from sims.analytic.paper.conventions import CORRECTED, PRINTED, Conventions
from sims.analytic.paper.disaggregation import cheapest_pair, pairs
from sims.analytic.paper.energy import full, parted, pool, split
from sims.analytic.paper.flex import curtail
from sims.analytic.paper.mixing import COMPRESSIBLE, long_points, short_points
from sims.analytic.paper.service import exact, measure, serve, upto, whole
from sims.analytic.paper.sizing import Split, alone, cheapest, least_cards, size, sweep, wait

NAMES = ("azure", "lmsys", "agent")
cards = st.sampled_from([card(name) for name in ("a100", "h100", "a10g")])
known = st.sampled_from([published(name) for name in NAMES])
rates = st.floats(1.0, 400.0)
contexts = st.sampled_from([4096, 8192, 16384, 65536])
boundaries = st.sampled_from([1024, 1536, 2048, 3072, 4096, 6144, 8192])
gammas = st.floats(1.0, 2.0)


@st.composite
def distributions(draw: st.DrawFn) -> LengthCdf:
    """CDFs of a few points up to 16,384 tokens."""
    tokens = sorted(draw(st.sets(st.integers(16, 16_000), min_size=1, max_size=6)))
    steps = draw(st.lists(st.floats(0.01, 1.0), min_size=len(tokens) + 1, max_size=len(tokens) + 1))
    shares = np.cumsum(steps) / sum(steps)
    points = [(float(t), float(s)) for t, s in zip(tokens, shares[:-1], strict=True)]
    return LengthCdf.of((*points, (16_384.0, 1.0)))


def mean(points: list[tuple[int, float]], floor: int = 1, context: int = 65_536) -> float:
    lengths, weights = exact(points, context, floor)
    return float(np.dot(lengths, weights))


@given(distributions())
def test_exact_lengths_have_the_cdf_they_come_from(lengths: LengthCdf) -> None:
    found, weights = exact(whole(lengths), 65_536, 1)
    assert weights.sum() == pytest.approx(1.0)
    for tokens, share in zip(lengths.tokens, lengths.shares, strict=True):
        assert weights[found <= tokens].sum() == pytest.approx(share)


@given(distributions())
def test_whole_tokens_are_half_a_token_longer_than_lengths_without_steps(lengths: LengthCdf) -> None:
    assert mean(whole(lengths)) == pytest.approx(lengths.moment() + 0.5)


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(1, 40), st.floats(0.05, 0.95), cards, contexts)
def test_service_is_the_weighted_mean_of_each_length_alone(
    first: int, more: int, share: float, one: HandSet, context: int
) -> None:
    points = [(first, share), (first + more, 1.0)]
    found, weights = exact(points, context, 1)
    service = serve(points, context, one, CORRECTED)
    each = [measure(found[at : at + 1], np.ones(1), context, one) for at in range(len(found))]
    assert service.mean_s == pytest.approx(np.dot(weights, [alike.mean_s for alike in each]))
    assert service.prefill_s == pytest.approx(np.dot(weights, [alike.prefill_s for alike in each]))
    assert service.prefill_p99_s == max(alike.prefill_s for alike in each)
    assert service.rate == pytest.approx(service.slots / service.mean_s)


@settings(max_examples=40)
@given(known, cards, rates, contexts, st.floats(50.0, 5000.0))
def test_one_card_fewer_breaks_a_rule_or_the_one_spare_that_is_always_added(
    lengths: LengthCdf, one: HandSet, rate: float, context: int, deadline_ms: float
) -> None:
    service = serve(whole(lengths), context, one, PRINTED)
    found = least_cards(rate, service, deadline_ms, PRINTED)
    assert wait(found, rate, service).quantile(0.99) * 1e3 <= deadline_ms
    assert rate <= 0.85 * found * service.rate * (1 + 1e-9)
    fewer = found - 1
    spare = fewer < rate / service.rate + 1.0
    late = wait(fewer, rate, service).quantile(0.99) * 1e3 > deadline_ms if fewer else True
    full_up = rate > 0.85 * fewer * service.rate * (1 - 1e-9)
    assert spare or late or full_up


@settings(max_examples=40)
@given(known, cards, rates, st.floats(1.0, 2.0))
def test_more_traffic_never_needs_fewer_cards(lengths: LengthCdf, one: HandSet, rate: float, more: float) -> None:
    service = serve(whole(lengths), 8192, one, CORRECTED)
    few, many = (least_cards(each, service, 500.0, CORRECTED) for each in (rate, rate * more))
    assert few <= many


@settings(max_examples=60)
@given(known, boundaries, gammas)
def test_compression_put_right_keeps_every_request_and_every_token_it_should(
    lengths: LengthCdf, boundary: int, gamma: float
) -> None:
    upper = int(gamma * boundary)
    at, above = lengths.share(boundary), lengths.share(upper)
    assume(at > 0.0 and above < 1.0)
    moved = COMPRESSIBLE * (above - at)
    short = mean(list(short_points(lengths, boundary, upper, CORRECTED)), context=boundary)
    points, floor = long_points(lengths, boundary, upper, CORRECTED)
    long = mean(list(points), floor)
    found, weights = exact(whole(lengths), 65_536, 1)
    between = (found > boundary) & (found <= upper)
    saved = COMPRESSIBLE * float(np.dot(found[between] - boundary, weights[between]))
    total = (at + moved) * short + (1.0 - at - moved) * long
    assert total == pytest.approx(mean(whole(lengths)) - saved, rel=3e-3)


@settings(max_examples=40)
@given(known, boundaries)
def test_short_and_long_points_split_the_distribution(lengths: LengthCdf, boundary: int) -> None:
    assume(0.0 < lengths.share(boundary) < 1.0)
    below, above, share = split(lengths, boundary)
    assert share == pytest.approx(lengths.share(boundary))
    total = share * mean(list(below), context=boundary) + (1.0 - share) * mean(list(above), boundary + 1)
    assert total == pytest.approx(mean(whole(lengths)), rel=1e-6)
    assert upto(lengths, boundary)[-1][0] <= boundary


@settings(max_examples=20)
@given(known, cards, rates, st.sampled_from([PRINTED, CORRECTED]))
def test_a_fleet_costs_what_its_cards_cost(lengths: LengthCdf, one: HandSet, rate: float, how: Conventions) -> None:
    rules = Split(short=one, long=one, boundary=4096, conventions=how)
    fleet = size(lengths, rate, rules)
    assert fleet.dollars_per_hour == pytest.approx(fleet.cards * one.price_per_hour)
    assert fleet.dollars_per_year == pytest.approx(8760 * fleet.dollars_per_hour)
    assert fleet.keeps == (max(fleet.short.p99_ms, fleet.long.p99_ms) <= 500.0)


@settings(max_examples=20)
@given(known, cards, rates, contexts)
def test_a_single_pool_is_a_short_pool_with_nothing_beyond(
    lengths: LengthCdf, one: HandSet, rate: float, context: int
) -> None:
    assume(context >= 65_536 or lengths.share(context) >= 1.0 - 1e-6)
    fleet = size(lengths, rate, alone(Split(short=one, long=one, boundary=1), context))
    assert fleet.long.cards == 0
    assert fleet.cards == fleet.short.cards


@settings(max_examples=10)
@given(known, cards, rates)
def test_the_cheapest_of_a_sweep_is_no_dearer_than_any_that_keeps_the_deadline(
    lengths: LengthCdf, one: HandSet, rate: float
) -> None:
    found = sweep(lengths, rate, Split(short=one, long=one, boundary=4096))
    best = cheapest(found)
    kept = [fleet.dollars_per_hour for fleet in found.values() if fleet.keeps]
    assert best.dollars_per_hour == min(kept or [fleet.dollars_per_hour for fleet in found.values()])


@settings(max_examples=10)
@given(known, cards, cards, st.floats(1.0, 300.0))
def test_the_cheapest_pair_is_that_of_a_search_by_hand(
    lengths: LengthCdf, prefill: HandSet, decode: HandSet, rate: float
) -> None:
    found = pairs(lengths, prefill, decode, 8192)
    best = cheapest_pair(found, rate, inf, inf)
    enough = [one for one in found if one.rate >= rate]
    assert (best is None) == (not enough)
    assert best is None or best.dollars_per_hour == min(one.dollars_per_hour for one in enough)
    assert best is None or all(
        one.rate < rate
        for one in found
        if one.prefills <= best.prefills and one.decodes <= best.decodes and one.cards < best.cards
    )


@given(cards)
def test_a_longer_context_never_gives_more_tokens_a_joule(one: HandSet) -> None:
    tokens = [full(one, context) for context in (2048, 4096, 8192, 16384, 32768, 65536)]
    assert all(a > b for a, b in pairwise(tokens))


@settings(max_examples=20)
@given(known, cards, rates)
def test_a_pool_draws_between_idle_and_full(lengths: LengthCdf, one: HandSet, rate: float) -> None:
    found = pool(whole(lengths), rate, one, 65_536)
    assert one.idle_w <= found.watts <= one.full_w
    assert 0.0 < found.utilisation <= 0.85 * (1 + 1e-9)
    assert found.tokens_per_joule > 0.0


@settings(max_examples=20)
@given(st.floats(1.0, 300.0), boundaries)
def test_parted_pools_make_the_answers_of_their_own_requests(rate: float, boundary: int) -> None:
    lengths = published("azure")
    short, long = parted(lengths, rate, boundary, (card("h100"), boundary), (card("h100"), 65_536))
    share = lengths.share(boundary)
    assert short.output_rate / (rate * share) < long.output_rate / (rate * (1.0 - share))
    assert short.output_rate + long.output_rate == pytest.approx(rate * 0.2 * lengths.moment(), rel=0.3)


@settings(max_examples=20)
@given(st.floats(10.0, 300.0), st.lists(st.floats(0.0, 0.5), min_size=2, max_size=4))
def test_giving_up_more_power_never_draws_more_or_waits_less(rate: float, shares: list[float]) -> None:
    found = [curtail(published("azure"), rate, 40, card("h100"), share) for share in sorted(shares)]
    for less, more in pairwise(found):
        assert more.batch <= less.batch
        assert more.kilowatts <= less.kilowatts + 1e-9
        assert more.p99_ms >= less.p99_ms - 1e-6 or more.p99_ms == inf


@settings(max_examples=20)
@given(known, rates, st.floats(0.5, 1.0))
def test_spares_never_make_a_fleet_smaller(lengths: LengthCdf, rate: float, available: float) -> None:
    rules = Split(short=card("h100"), long=card("h100"), boundary=4096)
    without, spared = size(lengths, rate, rules), size(lengths, rate, replace(rules, availability=available))
    assert without.cards <= spared.cards <= without.cards / available + 2
