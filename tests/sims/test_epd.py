"""Which stage encodes: the choice by simulation, and what moves it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fleet import Replica
from policies.perf.profiles import latency_model
from policies.policy import routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.epd import ARCHETYPES, Choice, choose, fleet, shares

PERF = latency_model("a100-80", "qwen2.5-vl-7b")
KIND = Replica(name="k", address="", pool="k", model="m", gpu="a100-80", perf=PERF)
LEAST = routing("shortest_ttft")


def traffic(
    share: float, rate: float, *, visual: int = 1200, text: int = 200, output: int = 40, n: int = 500
) -> Arrivals:
    """Poisson arrivals, a share of them with an image."""
    draws = np.random.default_rng(0)
    at = np.cumsum(draws.exponential(1.0 / rate, n))
    seen = np.where(draws.random(n) < share, visual, 0).astype(np.int32)
    return Arrivals.drawn(at, seen + text, draws.integers(output // 2, 3 * output // 2, n), visual_tokens=seen)


def chosen(arrivals: Arrivals, replicas: int, *, ttft_s: float = 1.5, tpot_s: float = 0.1) -> Choice:
    return choose(arrivals, KIND, replicas, LEAST, Conditions(ttft_slo_s=ttft_s, tpot_slo_s=tpot_s))


def test_the_choice_flips_with_the_share_of_images() -> None:
    few, many = chosen(traffic(0.1, 10.0), 2), chosen(traffic(1.0, 10.0), 2)
    assert (few.best.archetype, many.best.archetype) == ("EP-D", "ED-P")
    assert many.best.good > 0.95
    rest = {one.archetype: one.good for one in many.each}
    assert rest["EP-D"] < 0.5


def test_with_replicas_enough_and_images_long_those_without_are_kept_clear_of_them() -> None:
    few, many = (
        chosen(traffic(share, 20.0, visual=5000, text=500, output=100), 6, ttft_s=1.0, tpot_s=0.03)
        for share in (0.2, 0.5)
    )
    assert few.best.archetype == "EP-D"
    assert many.best.archetype == "E-P-D"


def test_a_strict_tpot_forbids_encoding_beside_decoding() -> None:
    loose, strict = (chosen(traffic(1.0, 8.0), 3, tpot_s=tpot_s).each for tpot_s in (0.1, 0.0165))
    assert min(one.tpot_s for one in loose if one.archetype == "ED-P") > 0.0165
    assert strict[-1].archetype == "ED-P"
    assert strict[0].tpot_s <= 0.0165


def test_each_archetype_is_there_once_the_best_first() -> None:
    found = chosen(traffic(0.5, 5.0, n=100), 4)
    assert {one.archetype for one in found.each} == {"EP-D", "ED-P", "E-P-D"}
    assert found.best is found.each[0]
    good = [one.good for one in found.each]
    assert all(first >= second for first, second in pairwise(good))


def test_all_in_one_may_be_asked_for_too() -> None:
    found = choose(traffic(0.5, 2.0, n=50), KIND, 2, LEAST, Conditions(), archetypes=["EPD"])
    assert (found.best.archetype, found.best.replicas) == ("EPD", (2,))


@given(st.integers(0, 9), st.integers(1, 3))
def test_every_way_to_share_replicas_out_gives_each_role_one_and_uses_all(replicas: int, roles: int) -> None:
    ways = list(shares(replicas, roles))
    assert len(set(ways)) == len(ways)
    assert all(sum(way) == replicas and min(way) >= 1 and len(way) == roles for way in ways)
    assert bool(ways) == (replicas >= roles)


def test_a_fleet_has_a_pool_a_role_and_names_of_its_own() -> None:
    for name, roles in ARCHETYPES.items():
        made = fleet(KIND, name, [2] * len(roles))
        assert [one.role for one in made] == [role for role in roles for _ in range(2)]
        assert len({one.name for one in made}) == len(made)
        assert all(one.pool == one.role and one.perf is PERF for one in made)


def test_too_few_replicas_are_refused_with_the_archetypes() -> None:
    with pytest.raises(ValueError, match="1 replicas are too few for EP-D, ED-P, E-P-D"):
        chosen(traffic(0.5, 1.0, n=5), 1)


def test_the_same_traffic_gives_the_same_choice() -> None:
    arrivals = traffic(0.4, 6.0, n=80)
    assert chosen(arrivals, 3) == chosen(replace(arrivals), 3)
