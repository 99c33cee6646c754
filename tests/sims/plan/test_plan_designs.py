"""Archetypes side by side: each GPU alone, mixed, two pools, prefill apart."""

import numpy as np
import pytest

from sims.plan.asked import Asked, Deadline, SloClass
from sims.plan.designs import Bench, apart, divided, slo_of, two_pools
from sims.plan.traffic import Sampled
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


def test_two_pools_divide_the_traffic_at_the_boundary() -> None:
    whole = traffic()
    short, long = divided(whole, 1000)
    assert short.arrivals.prompt_tokens.max() <= 1000
    assert long.arrivals.prompt_tokens.min() > 1000
    assert len(short.arrivals) + len(long.arrivals) == len(whole.arrivals)


def test_compression_moves_some_prompts_to_the_short_pool() -> None:
    whole = traffic()
    plain, squeezed = divided(whole, 1000)[0], divided(whole, 1000, gamma=1.4, compressible=0.5)[0]
    assert len(squeezed.arrivals) > len(plain.arrivals)
    assert squeezed.arrivals.prompt_tokens.max() <= 1000


def test_a_compressed_prompt_shares_no_prefix() -> None:
    from sims.arrival import Arrival
    from sims.arrivals import Arrivals

    rows = [Arrival(at=float(i), prompt_tokens=170, output_tokens=2, blocks=tuple(range(10)), block_tokens=16)
            for i in range(50)]  # fmt: skip
    short, long = divided(Sampled(arrivals=Arrivals.of(rows), said=""), 100, gamma=2.0, compressible=0.5)
    assert len(short.arrivals.blocks) == 0
    assert len(long.arrivals.blocks) == 10 * len(long.arrivals)


def test_two_pools_are_sized_part_by_part() -> None:
    found = two_pools(bench(asked(), rate=200.0), best_cost=100.0)
    assert found is not None
    assert found.boundary is not None
    short, long = found.parts
    assert short.most_prompt == long.least_prompt == found.boundary
    assert not found.deployable


def test_two_pools_that_look_twice_as_dear_are_not_tried() -> None:
    assert two_pools(bench(asked()), best_cost=0.5) is None


def test_prefill_apart_has_a_ratio() -> None:
    from sims.plan.outcome import ratio

    found = apart(bench(asked(), rate=200.0), [0], lambda k: 0.8)
    assert found is not None
    assert [part.role for part in found.parts] == ["prefill", "decode"]
    prefill, _, decode = (ratio(found) or "").partition(":")
    assert int(prefill) >= 1
    assert int(decode) >= 1
    assert not found.simulated


def test_prefill_apart_is_left_out_where_no_pair_can_do_it() -> None:
    request = asked("l4", classes=(SloClass(ttft=Deadline(seconds=0.1), tpot=TPOT),))
    assert apart(bench(request, prompt=4000), [0], lambda k: 0.8) is None


def test_the_tightest_deadlines_reach_the_analytic_part() -> None:
    tight = SloClass(name="s", most_prompt=10.0, ttft=Deadline(seconds=0.1, percentile=99.0))
    found = slo_of(asked(classes=(tight, BOTH)), 2.0)
    assert (found.ttft_s, found.ttft_share, found.tpot_s) == (0.1, 0.99, 0.05)
    assert found.most_utilisation == 0.95


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_nothing_is_lost_or_made_by_dividing(share: float) -> None:
    whole = traffic()
    edge = int(np.quantile(whole.arrivals.prompt_tokens, share))
    parts = divided(whole, edge, gamma=1.3, compressible=0.75)
    assert sum(len(part.arrivals) for part in parts) == len(whole.arrivals)
    assert sum(int(part.arrivals.output_tokens.sum()) for part in parts) == int(whole.arrivals.output_tokens.sum())
