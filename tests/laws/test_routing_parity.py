"""The compiled kernels give the answers of the plain ones, on twenty thousand snapshots a policy."""

from functools import cache

import numpy as np
import pytest

from policies.cached import Cached
from policies.candidates import candidates
from policies.fleet import Fleet, Replica, Table
from policies.native.routes import NativeRoute
from policies.perf.profiles import latency_model
from policies.policy import ROUTES, Routing, routing
from policies.request import Ask
from tests.laws.fleets import many, name

CASES = {1: 2000, 2: 6000, 3: 6000, 5: 4500, 8: 1500}
POLICIES = [
    *(routing(name) for name in ROUTES.names()),
    routing("shortest_ttft", {"near": 0.3, "near_s": 1.0}),
    routing("prefix_affinity", {"match": 0.0, "relative": 1.0, "absolute": 0.0}),
    routing("dynamo_cost", {"temperature": 0.5}),
    routing("mooncake_conductor", {"balancing": 1.0}),
]


@cache
def snapshots(n: int) -> tuple[list[Ask], Table, Cached]:
    """Requests and fleets of n replicas, the same for every policy."""
    asked, tables, cached = many(np.random.default_rng(100 + n), CASES[n], n)
    return [Ask(*row) for row in asked.tolist()], tables, cached


def empty_fleet(n: int) -> Fleet:
    """A fleet of n rows to be written over."""
    fleet, perf = Fleet(n), latency_model("l4", "qwen3-8b")
    for i in range(n):
        fleet.add(Replica(name=name(i), address="h:1", pool="p", model="m", gpu="l4", perf=perf))
    return fleet


def differences(policy: Routing, n: int) -> list[str]:
    """Where compiled and plain part over all fleets of n replicas."""
    fleet, found = empty_fleet(n), list[str]()
    native, settings, kernel = NativeRoute(policy, fleet), policy.settings(), type(policy).kernel
    for ask, table, cached in zip(*snapshots(n), strict=True):
        row, propensity = kernel(ask, table, cached, settings, 0.0)
        fleet.table[:], native.cached[:] = table, cached
        compiled = native.choose(ask, 0.0)
        if compiled != row or (row >= 0 and native.told().propensity != propensity):
            found.append(f"plain {row} ({propensity}), compiled {compiled} ({native.told()}) for {ask}")
    return found


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
def test_compiled_and_plain_choose_the_same_replica_with_the_same_propensity(policy: Routing) -> None:
    assert sum(CASES.values()) >= 20_000
    assert not [told for n in CASES for told in differences(policy, n)]


def test_compiled_predictions_are_the_plain_ones() -> None:
    fleet = empty_fleet(3)
    native = NativeRoute(routing("random"), fleet)
    for ask, table, cached in list(zip(*snapshots(3), strict=True))[:800]:
        fleet.table[:], native.cached[:] = table, cached
        row, told = native.choose(ask, 0.0), native.told()
        for one in candidates(ask, table, cached):
            if one.row == row:
                plain = (one.ttft_s, one.tpot_s, one.cost_usd, one.cached_tokens, one.decode)
                compiled = (told.ttft_s, told.tpot_s, told.cost_usd, told.cached_tokens, told.decode)
                assert compiled == pytest.approx(plain, rel=1e-12)


def test_an_empty_fleet_has_nobody_to_choose_in_either() -> None:
    for policy in POLICIES:
        assert NativeRoute(policy, Fleet()).choose(snapshots(1)[0][0], 0.0) == -1


def test_a_fleet_that_grows_is_followed_by_the_compiled_route() -> None:
    fleet = empty_fleet(2)
    native = NativeRoute(routing("random"), fleet)
    ask = snapshots(2)[0][0]
    assert native.choose(ask, 0.0) == -1
    for i in range(2, 300):
        perf = latency_model("l4", "qwen3-8b")
        row = fleet.add(Replica(name=name(i), address="h:1", pool="p", model="m", gpu="l4", perf=perf))
        fleet.columns.ready[:] = 0.0
        fleet.columns.ready[row] = 1.0
        assert native.choose(ask, 0.0) == row
        assert len(native.cached) == i + 1
