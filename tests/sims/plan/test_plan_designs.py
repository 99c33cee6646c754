"""Archetypes side by side: each GPU alone, mixed, two pools, prefill apart."""

import pytest

from sims.plan.asked import Asked, Deadline, SloClass
from sims.plan.designs import Bench, apart, pooled, slo_of
from sims.plan.outcome import ratio
from sims.plan.search import FILL
from sims.plan.trial import Simulate
from tests.sims.plan.plans import BOTH, TPOT, asked, capacity, kinds, traffic

SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0, "l4": 1.0}


def bench(request: Asked, simulate: Simulate | None = None, rate: float = 100.0, prompt: int = 1000) -> Bench:
    """All kinds of the request over even traffic."""
    given = traffic(rate=rate, prompt=prompt)
    return Bench(asked=request, kinds=kinds(request), traffic=given, simulate=simulate or capacity(SPEEDS))


def test_each_gpu_alone_is_a_design_the_most_promising_first() -> None:
    found = [design for design, _ in bench(asked("l40s", "h100-sxm"), capacity(SPEEDS)).singles(hopeless=9.0)]
    assert [design.name for design in found] == ["only h100-sxm", "only l40s"]
    assert all(design.meets and design.simulated and design.seeds >= 3 for design in found)


def test_a_gpu_far_dearer_is_not_simulated_and_says_so() -> None:
    given = bench(asked("h100-sxm", "l40s"))
    found = {design.name: design for design, _ in given.singles(hopeless=1.01)}
    assert not found["only l40s"].simulated
    assert found["only l40s"].why == "far dearer by the latency model"
    assert found["only l40s"].parts[0].replicas >= 1


def test_little_traffic_is_no_reason_to_call_the_cheaper_card_far_dearer() -> None:
    found = {design.name: design for design, _ in bench(asked("h100-sxm", "l40s"), rate=1.0).singles(hopeless=1.2)}
    few, many = found["only l40s"], found["only h100-sxm"]
    assert few.simulated
    assert sum(part.replicas for part in (*few.parts, *many.parts)) == 2
    objective = asked("l40s").objective
    assert few.cost(objective) < many.cost(objective)


def test_a_gpu_too_slow_says_which_deadline_and_by_how_much() -> None:
    request = asked("h100-sxm", "l4", classes=(SloClass(ttft=Deadline(seconds=0.3)),))
    found = {design.name: design for design, _ in bench(request, prompt=2000).singles()}
    assert "TTFT p90 of 0.3 s cannot be met" in found["only l4"].why
    assert not found["only l4"].parts


def test_a_design_tells_its_margins_as_shares_of_the_deadlines() -> None:
    (pair,) = bench(asked()).singles()
    design, verdict = pair
    assert verdict is not None
    assert len(design.margins) == 2
    assert all(0.0 < share <= 1.0 for share in design.margins)
    assert design.watts is not None
    assert design.watts > 0.0


def test_prefill_apart_has_a_ratio() -> None:
    given = bench(asked(), rate=200.0)
    found = apart(given, given.kinds)
    assert found is not None
    assert [part.role for part in found.parts] == ["prefill", "decode"]
    prefill, _, decode = (ratio(found) or "").partition(":")
    assert int(prefill) >= 1
    assert int(decode) >= 1
    assert not found.simulated


def test_prefill_apart_is_left_out_where_no_pair_can_do_it() -> None:
    request = asked("l4", classes=(SloClass(ttft=Deadline(seconds=0.1), tpot=TPOT),))
    given = bench(request, prompt=4000)
    assert apart(given, given.kinds) is None


def test_the_tightest_deadlines_reach_the_analytic_part() -> None:
    tight = SloClass(name="s", most_prompt=10.0, ttft=Deadline(seconds=0.1, percentile=99.0))
    found = slo_of(asked(classes=(tight, BOTH)), 2.0)
    assert (found.ttft_s, found.ttft_share, found.tpot_s) == (0.1, 0.99, 0.05)
    assert found.most_utilisation == 0.95


def test_a_kind_in_a_pool_of_its_own_keeps_its_figures_and_gains_a_name() -> None:
    (one,) = kinds(asked())
    decode = pooled(one, "decode", role="decode")
    assert (decode.pool.name, decode.pool.role) == ("h100-sxm-decode", "decode")
    assert (decode.perf, decode.offer) == (one.perf, one.offer)
    assert one.pool.role == "mixed"


def test_how_full_a_kind_may_be_is_what_simulation_of_it_alone_showed() -> None:
    given = bench(asked("h100-sxm", "l40s"))
    assert given.fill(given.kinds[0]) == pytest.approx(FILL)
    list(given.singles(hopeless=1.01))
    h100, l40s = given.kinds
    assert set(given.search.factors) == {0}
    assert given.fill(h100) == pytest.approx(1.0 / given.search.factors[0])
    assert given.fill(l40s) == given.fill(h100), "a kind that was not simulated takes the middle"
