"""Kinds of replicas: which fit, which are fast enough alone, and what is said of those that are not."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from sims.plan.asked import Deadline, NoPlan, SloClass
from sims.plan.kinds import class_of, fits_longest, kinds_of, late, refusal, too_long, weighted_percentile
from tests.sims.plan.plans import BOTH, TPOT, asked, kinds, offer, traffic
from weir.fleetfile import Engine


def test_every_size_that_the_model_fits_on_is_a_kind() -> None:
    found, rejected = kinds_of(asked(offers=(offer("h100-sxm", sizes=(1, 2)), offer("l4", sizes=(1,)))))
    assert [kind.name for kind in found] == ["h100-sxm", "h100-sxm-x2", "l4"]
    assert not rejected
    assert found[1].gpus == 2
    assert found[1].usd_per_hour == 2 * found[0].usd_per_hour


def test_a_size_the_model_does_not_fit_on_is_rejected_with_the_reason() -> None:
    found, rejected = kinds_of(asked(offers=(offer("h100-sxm", sizes=(1, 4)),), model="llama-3.1-70b"))
    assert [kind.name for kind in found] == ["h100-sxm-x4"]
    assert "does not fit on 1 × h100-sxm" in rejected[0].why


def test_a_model_that_fits_nowhere_has_no_plan() -> None:
    with pytest.raises(NoPlan, match=r"no offered GPU can hold llama-3\.1-70b: .*does not fit"):
        kinds_of(asked("l4", model="llama-3.1-70b"))


def test_a_replica_larger_than_the_inventory_is_rejected() -> None:
    found, rejected = kinds_of(asked(offers=(offer("h100-sxm", sizes=(1, 4), count=2),)))
    assert [kind.name for kind in found] == ["h100-sxm"]
    assert rejected[0].why == "h100-sxm: 2 GPUs are fewer than 4"


def test_a_given_price_replaces_the_profiles() -> None:
    (one,) = kinds(asked(offers=(offer("h100-sxm", price=1.25),)))
    assert one.usd_per_hour == 1.25


def test_a_region_far_away_adds_its_way_to_every_first_token() -> None:
    near, far = kinds(asked(offers=(offer("l40s"), offer("l40s", region="far", network_s=0.2))))
    assert far.name == "l40s-far"
    assert far.perf.frontend_s == pytest.approx(near.perf.frontend_s + 0.2)


def test_engine_settings_reach_every_kind() -> None:
    (one,) = kinds(asked(engine=Engine(max_num_seqs=32, slowdown=2.0)))
    assert one.perf.max_seqs == 32
    assert one.perf.slowdown == 2.0


def test_a_kind_that_is_fast_enough_is_not_refused() -> None:
    request = asked()
    assert refusal(kinds(request)[0], request, traffic().analytic) == ""


def test_a_slow_gpu_is_refused_with_its_idle_seconds_beside_the_deadline() -> None:
    request = asked("l4", classes=(SloClass(ttft=Deadline(seconds=0.2)),))
    said = refusal(kinds(request)[0], request, traffic(prompt=4000).analytic)
    assert said.startswith("TTFT p90 of 0.2 s cannot be met: one idle prompt of that length takes ")
    assert said.endswith("times as long")


def test_a_token_too_slow_is_refused_as_well() -> None:
    request = asked("l4", classes=(SloClass(tpot=Deadline(seconds=0.03)),))
    said = refusal(kinds(request)[0], request, traffic().analytic)
    assert said.startswith("TPOT p90 of 0.03 s cannot be met: a request alone takes ")


def test_the_class_that_cannot_be_served_is_named() -> None:
    short = SloClass(name="short", most_prompt=900.0, ttft=Deadline(seconds=0.03))
    request = asked("l4", classes=(short, SloClass(tpot=Deadline(seconds=1.0))))
    assert "of short" in refusal(kinds(request)[0], request, traffic().analytic)


def test_a_request_longer_than_the_memory_is_refused_with_both_figures() -> None:
    request = asked("l4")
    long = traffic(prompt=40_000).analytic
    (one,) = kinds(request)
    assert not fits_longest(one, long)
    assert refusal(one, request, long) == too_long(one, long)
    assert "tokens of KV" in too_long(one, long)


def test_each_request_belongs_to_the_first_class_it_fits() -> None:
    given = traffic().analytic
    short, rest = class_of(given, (SloClass(name="short", most_prompt=800.0, tpot=TPOT), BOTH))
    assert (given.prompts[short[1]] <= 800.0).all()
    assert (given.prompts[rest[1]] > 800.0).all()
    assert short[1].sum() + rest[1].sum() == len(given.prompts)


def test_requests_beyond_every_class_belong_to_none() -> None:
    given = traffic().analytic
    ((_, mine),) = class_of(given, (SloClass(name="short", most_prompt=800.0, tpot=TPOT),))
    assert 0 < mine.sum() < len(given.prompts)


def test_longer_prompts_are_late_sooner() -> None:
    (one,) = kinds(asked())
    given = traffic(prompt=20_000).analytic
    missed = late(one, Deadline(seconds=0.5), "ttft", given)
    assert missed.any()
    assert given.prompts[missed].min() > given.prompts[~missed].max()


def test_a_cached_prefix_is_not_computed() -> None:
    (one,) = kinds(asked())
    given = traffic(prompt=20_000).analytic
    warm = replace(given, cached=given.prompts - 1.0)
    assert late(one, Deadline(seconds=0.5), "ttft", given).any()
    assert not late(one, Deadline(seconds=0.5), "ttft", warm).any()


def test_idle_seconds_grow_with_the_prompt() -> None:
    (one,) = kinds(asked())
    assert one.idle_ttft(8000.0) > one.idle_ttft(1000.0) > one.perf.frontend_s
    assert one.idle_ttft(8000.0, cached=7000.0) < one.idle_ttft(8000.0)
    assert one.idle_tpot(8000.0, 10.0) > one.idle_tpot(10.0, 10.0)


def test_a_busy_replica_draws_between_idle_and_its_limit() -> None:
    (one,) = kinds(asked())
    assert one.perf.idle_w < one.watts <= one.perf.limit_w


def test_weighted_percentiles_count_weight() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.1, 0.8, 0.1])
    assert weighted_percentile(values, weights, 80.0) == 1.0
    assert weighted_percentile(values, weights, 95.0) == 3.0
    assert weighted_percentile(np.zeros(0), np.zeros(0), 50.0) == inf
