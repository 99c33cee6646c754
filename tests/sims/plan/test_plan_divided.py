"""Two pools by length: where they divide, what a compressor does, and the fleet that deploys is the one simulated."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.fleet import Replica
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import SERVED, Run
from sims.engine.simulate import simulate
from sims.plan.asked import ENERGY, Asked
from sims.plan.designs import UNSIMULATED, Bench
from sims.plan.divided import (
    COMPRESSOR,
    PLAIN,
    ROOM,
    SIMULATED,
    SQUEEZED,
    boundaries,
    compressing,
    two_pools,
)
from sims.plan.parted import MOST
from sims.plan.traffic import Sampled
from sims.plan.trial import Simulate, Trial
from tests.sims.plan.plans import TPOT, TTFT, asked, capacity, columns, kinds, run, traffic

SPEEDS = {"h100-sxm": 22.0, "a100-80": 11.0, "l40s": 7.0, "l4": 1.0}


def bench(request: Asked, served_by: Simulate | None = None, rate: float = 200.0, prompt: int = 1000) -> Bench:
    """All kinds of the request over even traffic."""
    given_ = traffic(rate=rate, prompt=prompt)
    return Bench(asked=request, kinds=kinds(request), traffic=given_, simulate=served_by or capacity(SPEEDS))


def watched(served_by: Simulate) -> tuple[Simulate, list[tuple[list[str], Any, Arrivals]]]:
    """The simulator, and a list that gains the pools, the policy and the arrivals of each run."""
    seen: list[tuple[list[str], Any, Arrivals]] = []

    def watching(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Conditions) -> Run:
        seen.append(([one.pool for one in fleet], policy, arrivals))
        return served_by(arrivals, fleet, policy, conditions)

    return watching, seen


def test_boundaries_leave_the_shares_of_requests_below_that_are_looked_at() -> None:
    whole = traffic().analytic
    found = boundaries(whole)
    assert found == sorted(set(found))
    shares = [float((whole.totals <= edge + 1.0).mean()) for edge in found]
    assert shares == pytest.approx([0.5, 0.75, 0.9, 0.95], abs=0.01)


def test_requests_of_one_length_have_one_boundary_and_no_two_pools() -> None:
    arrivals = Arrivals.drawn(np.arange(50) / 10.0, np.full(50, 500), np.full(50, 50))
    same = Sampled(arrivals=arrivals, said="alike")
    given_ = replace_traffic(bench(asked()), same)
    assert boundaries(same.analytic) == [550.0]
    assert two_pools(given_, given_.kinds, best_cost=100.0) is None


def replace_traffic(given_: Bench, other: Sampled) -> Bench:
    """The same bench over other traffic."""
    return Bench(asked=given_.asked, kinds=given_.kinds, traffic=other, simulate=given_.simulate)


def test_both_pools_are_simulated_as_one_fleet_under_the_policy_that_divides_it() -> None:
    served_by, seen = watched(capacity(SPEEDS))
    given_ = bench(asked(), served_by)
    found = two_pools(given_, given_.kinds, best_cost=100.0)
    assert found is not None
    assert found.simulated
    assert found.meets
    assert found.policy == "length_split"
    assert dict(found.settings) == {"threshold": found.boundary}
    for pools, policy, arrivals in seen:
        assert list(dict.fromkeys(pools)) == ["h100-sxm-short", "h100-sxm-long"], "length_split goes by their order"
        assert policy.name() == "length_split"
        assert len(arrivals) >= 0.5 * len(given_.traffic.arrivals), "a part alone would have fewer"


def test_the_plain_two_pools_need_nothing_that_weir_has_not() -> None:
    given_ = bench(asked())
    found = two_pools(given_, given_.kinds, best_cost=100.0)
    assert found is not None
    assert (found.name, found.deployable, found.gamma, found.why) == (PLAIN, True, 1.0, "")
    short, long = found.parts
    assert short.most_tokens == long.least_tokens == found.boundary
    assert (short.kind.pool.name, long.kind.pool.name) == ("h100-sxm-short", "h100-sxm-long")


def test_compressed_pools_say_that_they_need_a_compressor() -> None:
    given_ = bench(asked())
    found = two_pools(given_, given_.kinds, 100.0, gammas=(1.5,), compressible=0.8)
    assert found is not None
    assert (found.name, found.deployable, found.gamma, found.why) == (SQUEEZED, False, 1.5, COMPRESSOR)


def test_few_boundaries_are_simulated_the_most_promising_first() -> None:
    given_ = bench(asked("h100-sxm", "l40s"))
    said: list[str] = []
    given_.told = said.append
    two_pools(given_, given_.kinds, best_cost=100.0)
    assert 1 <= len(said) <= SIMULATED
    assert all(one.startswith("two pools by length at ") for one in said)


def test_two_pools_that_look_dearer_than_the_best_fleet_are_told_but_not_simulated() -> None:
    served_by, seen = watched(capacity(SPEEDS))
    given_ = bench(asked(), served_by)
    found = two_pools(given_, given_.kinds, best_cost=0.5)
    assert found is not None
    assert not found.simulated
    assert found.why == UNSIMULATED
    assert not seen


def test_two_pools_that_never_pass_say_so() -> None:
    def deaf(arrivals: Arrivals, fleet: Sequence[Replica], policy: Any, conditions: Any) -> Run:
        return run(arrivals, fleet, ttft_s=9.0 * TTFT.seconds, tpot_s=TPOT.seconds)

    given_ = bench(asked(), deaf)
    found = two_pools(given_, given_.kinds, best_cost=100.0)
    assert found is not None
    assert not found.meets
    assert f"{MOST:g} times as large" in found.why


def test_a_kind_too_small_for_the_longest_request_may_still_serve_the_short_ones() -> None:
    request = asked("h100-sxm", "l40s")
    h100, l40s = kinds(request)
    small = replace(l40s, perf=replace(l40s.perf, kv_tokens=1400, price_per_hour=0.001))
    given_ = Bench(asked=request, kinds=(h100,), traffic=traffic(rate=200.0), simulate=capacity(SPEEDS))
    found = two_pools(given_, (h100, small), best_cost=100.0)
    assert found is not None
    assert [part.kind.name for part in found.parts] == ["l40s", "h100-sxm"]


def test_the_objective_decides_which_kind_a_pool_has() -> None:
    """By dollars the cheap GPU; by energy the one that draws less for the same work."""
    chosen = {}
    for name, objective in (("usd", asked().objective), ("energy", ENERGY)):
        request = asked("h100-sxm", "l40s", objective=objective)
        found = two_pools(bench(request), kinds(request), best_cost=1e9)
        assert found is not None
        chosen[name] = found.cost(objective)
        others = [two_pools(bench(request), [kind], 1e9) for kind in kinds(request)]
        assert chosen[name] <= min(one.cost(objective) for one in others if one is not None) * 1.3
    assert chosen["usd"] != chosen["energy"]


def test_what_a_compressor_cuts_fits_below_the_boundary_with_room() -> None:
    whole = traffic()
    answer = float(whole.arrivals.output_tokens.mean())
    found = compressing(whole, 1000.0, 1.4, 1.0).arrivals
    changed = found.prompt_tokens != whole.arrivals.prompt_tokens
    assert changed.any()
    assert set(found.prompt_tokens[changed].tolist()) == {int(ROOM * (1000.0 - answer))}
    before = whole.arrivals.prompt_tokens[changed] + answer
    assert (before > 1000.0).all()
    assert (before <= 1400.0).all()


@given(st.floats(300.0, 2000.0), st.floats(1.0, 3.0), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_or_lengthened_by_compressing(boundary: float, gamma: float, share: float) -> None:
    whole = traffic()
    found = compressing(whole, boundary, gamma, share).arrivals
    assert len(found) == len(whole.arrivals)
    assert (found.prompt_tokens <= whole.arrivals.prompt_tokens).all()
    assert (found.prompt_tokens >= 1).all()
    assert found.output_tokens.tolist() == whole.arrivals.output_tokens.tolist()
    assert found.at.tolist() == whole.arrivals.at.tolist()


def test_a_share_of_prompts_is_compressed_and_the_same_ones_every_time() -> None:
    whole = Sampled(arrivals=columns(count=4000), said="")
    once, again, all_of = (compressing(whole, 1000.0, 1.5, share).arrivals for share in (0.5, 0.5, 1.0))
    assert once.prompt_tokens.tolist() == again.prompt_tokens.tolist()
    cut = (once.prompt_tokens != whole.arrivals.prompt_tokens).sum()
    assert cut == pytest.approx(0.5 * (all_of.prompt_tokens != whole.arrivals.prompt_tokens).sum(), rel=0.1)


@pytest.mark.parametrize(("boundary", "gamma", "share"), [(1000.0, 1.0, 1.0), (1000.0, 1.5, 0.0), (120.0, 4.0, 1.0)])
def test_without_anything_to_cut_the_traffic_stays_as_it_is(boundary: float, gamma: float, share: float) -> None:
    whole = traffic()
    assert compressing(whole, boundary, gamma, share) is whole


def test_a_compressed_prompt_shares_no_prefix_and_the_others_keep_theirs() -> None:
    rows = [
        Arrival(at=float(i), prompt_tokens=170, output_tokens=2, blocks=tuple(range(10)), block_tokens=16)
        for i in range(50)
    ]
    found = compressing(Sampled(arrivals=Arrivals.of(rows), said=""), 100.0, 2.0, 0.5).arrivals
    cut = found.prompt_tokens < 170
    assert 10 < cut.sum() < 40
    counts = np.diff(found.ends)
    assert (counts[cut] == 0).all()
    assert (counts[~cut] == 10).all()
    assert len(found.blocks) == 10 * (~cut).sum()


def test_turns_that_wait_for_one_another_are_divided_too_and_keep_waiting() -> None:
    rows = columns(count=200, rate=50.0)
    after = np.where(np.arange(200) % 4 == 0, np.nan, 0.5)
    sessions = (np.arange(200) // 4).astype(np.int32)
    closed = Sampled(arrivals=replace(rows, session=sessions, after_s=after), said="sessions of four turns")
    served_by, seen = watched(capacity(SPEEDS))
    given_ = Bench(asked=asked(), kinds=kinds(asked()), traffic=closed, simulate=served_by)
    found = two_pools(given_, given_.kinds, best_cost=1e9)
    assert found is not None
    assert found.simulated
    assert all(np.isfinite(arrivals.after_s).any() for _, _, arrivals in seen)


def test_in_the_real_simulator_requests_go_to_the_pool_of_their_length() -> None:
    request = asked(seeds=2)
    given_ = Bench(asked=request, kinds=kinds(request), traffic=traffic(count=300, rate=30.0), simulate=simulate)
    found = two_pools(given_, given_.kinds, best_cost=1e9)
    assert found is not None
    assert found.meets
    assert found.boundary is not None
    trial = Trial(
        asked=found.routed(request), kinds=tuple(part.kind for part in found.parts), traffic=given_.traffic,
        simulate=simulate,
    )  # fmt: skip
    counts = tuple(part.replicas for part in found.parts)
    done = trial.run(counts, 0)
    assert (done.state == SERVED).all()
    short = done.replica < counts[0]
    assert 0 < short.sum() < len(short)
    # What it expects of an answer is learned from 200 tokens on: the prompts' ranges overlap by what that may be off.
    assert done.prompt_tokens[short].max() <= found.boundary
    assert done.prompt_tokens[~short].min() >= found.boundary - 400
