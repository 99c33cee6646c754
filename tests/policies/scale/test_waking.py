"""The way back from zero, a law over every scaling policy: somebody starts for those who wait, and only one."""

import inspect
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from policies.scale.by_hour import ByHour
from policies.scale.scaling import SCALES, PoolState, Scaling, scaling
from policies.scale.waking import PATIENCE_S, Standing, awaited, standing

PERF = latency_model("h100-sxm", "llama-3.1-8b", 1)
EMPTY = PoolState(
    pool="a", at=0.0, ready=0, starting=0, draining=0, most=10, running=0.0, waiting=0.0, held=0.0, slots=100,
    kv_share=0.0, arrived=0, wanted=0, perf=PERF,
)  # fmt: skip
STEP_S = 60.0

States = Mapping[str, PoolState]


def costing(usd: float, **more: Any) -> PoolState:
    """An empty pool whose replicas cost so much an hour."""
    return replace(EMPTY, perf=replace(PERF, price_per_hour=usd), **more)


def named(**states: PoolState) -> dict[str, PoolState]:
    return {pool: replace(state, pool=pool) for pool, state in states.items()}


def at(states: States, now: float) -> dict[str, PoolState]:
    return {pool: replace(state, at=now) for pool, state in states.items()}


def for_long(states: States, looks: int = 40) -> list[States]:
    """The same states for some time."""
    return [at(states, STEP_S * i) for i in range(looks)]


def emptied(name: str) -> Scaling:
    """A policy that lets pools be empty."""
    if name == "by_hour":
        return ByHour(replicas=(0,))
    return scaling(name, {"least": 0} if "least" in {each.name for each in fields(SCALES[name])} else {})


def wish(policy: Scaling, history: list[States], found: States, held: float) -> dict[str, int]:
    """What is wanted when so many wait; a pool that is not named stays as it is."""
    now = STEP_S * len(history)
    replicas = policy.wanted([*history, awaited(history, at(found, now), held)], now).replicas
    return {pool: replicas.get(pool, state.ready + state.starting) for pool, state in found.items()}


def woken(history: list[States], found: States, held: float = 1.0) -> set[str]:
    states = awaited(history, at(found, STEP_S * len(history)), held)
    return {pool for pool, state in states.items() if state.wakes}


@pytest.mark.parametrize("name", SCALES.names())
@pytest.mark.parametrize("looks", [1, 40])
class TestEveryPolicy:
    def test_a_pool_at_zero_comes_back_for_whoever_waits(self, name: str, looks: int) -> None:
        pools = named(a=EMPTY)
        assert wish(emptied(name), for_long(pools, looks), pools, 0.0) == {"a": 0}
        assert wish(emptied(name), for_long(pools, looks), pools, 1.0) == {"a": 1}
        assert wish(emptied(name), for_long(pools, looks), pools, 500.0)["a"] >= 1

    def test_of_several_pools_at_zero_only_the_cheapest_starts_for_one_request(self, name: str, looks: int) -> None:
        pools = named(a=costing(4.0), b=costing(2.0), c=costing(3.0), d=replace(costing(1.0), most=0))
        assert wish(emptied(name), for_long(pools, looks), pools, 1.0) == {"a": 0, "b": 1, "c": 0, "d": 0}

    def test_while_it_comes_no_other_starts(self, name: str, looks: int) -> None:
        pools = named(a=costing(4.0), b=costing(2.0))
        history = for_long(pools, looks)
        for coming in (replace(pools["b"], wanted=1), replace(pools["b"], wanted=1, starting=1)):
            assert wish(emptied(name), history, {**pools, "b": coming}, 1.0) == {"a": 0, "b": 1}

    def test_nobody_who_waits_wakes_nobody(self, name: str, looks: int) -> None:
        pools = named(a=EMPTY, b=EMPTY)
        assert awaited(for_long(pools, looks), pools, 0.0) == pools
        assert wish(emptied(name), for_long(pools, looks), pools, 0.0) == {"a": 0, "b": 0}


@pytest.mark.parametrize("name", SCALES.names())
@given(ready=st.lists(st.integers(1, 5), min_size=1, max_size=3), held=st.integers(0, 300))
def test_where_everybody_serves_a_policy_is_asked_and_nothing_is_added(name: str, ready: list[int], held: int) -> None:
    pools = named(**{f"p{i}": replace(EMPTY, ready=count) for i, count in enumerate(ready)})
    history = for_long(pools, 5)
    found = awaited(history, at(pools, STEP_S * 5), float(held))
    assert all(state.held == held / len(pools) and not state.wakes for state in found.values())
    own: Any = inspect.unwrap(SCALES[name].wanted)
    assert scaling(name).wanted([*history, found], 300.0) == own(scaling(name), [*history, found], 300.0)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=4),
       st.integers(1, 99))  # fmt: skip
def test_nobody_who_waits_is_lost_and_only_pools_with_nobody_ready_are_woken(
    pools: list[tuple[int, int, int]], held: int
) -> None:
    states = {
        f"p{i}": costing(i, ready=ready, starting=starting, wanted=wanted)
        for i, (ready, starting, wanted) in enumerate(pools)
    }
    found = awaited([], named(**states), float(held))
    assert sum(state.held for state in found.values()) == pytest.approx(held)
    for state in found.values():
        assert not state.wakes or (state.ready == 0 and state.held > 0.0)
    if not any(ready or starting for ready, starting, _ in pools):
        assert any(state.wakes for state in found.values())


class TestWhoWouldDo:
    def test_prompts_and_answers_apart_take_one_of_each(self) -> None:
        pools = named(p=costing(3.0, role="prefill"), d=costing(1.0, role="decode"), e=costing(2.0, role="decode"))
        assert woken([], pools) == {"p", "d"}

    def test_a_mixed_replica_does_it_alone_where_it_costs_less(self) -> None:
        pools = named(p=costing(3.0, role="prefill"), d=costing(1.0, role="decode"), m=costing(3.5))
        assert woken([], pools) == {"m"}
        assert woken([], {**pools, "p": replace(pools["p"], starting=1)}) == {"p", "d"}, (
            "only what is missing is paid for"
        )

    def test_where_nobody_would_do_all_are_tried(self) -> None:
        assert woken([], named(d=costing(1.0, role="decode"), e=costing(2.0, role="encode"))) == {"d", "e"}

    def test_a_pool_of_unknown_price_comes_last_and_is_started_where_it_is_the_only_one(self) -> None:
        assert woken([], named(a=replace(EMPTY, perf=None), b=costing(99.0))) == {"b"}
        assert woken([], named(a=replace(EMPTY, perf=None))) == {"a"}

    def test_who_cannot_be_started_is_not_woken(self) -> None:
        found = awaited([], named(a=costing(1.0), b=costing(2.0)), 1.0, {"b"})
        assert (found["a"].wakes, found["b"].wakes) == (False, True)

    def test_who_wait_for_different_things_are_added_up(self) -> None:
        pools = named(a=costing(1.0), b=costing(2.0))
        found = awaited([], pools, 2.0)
        found |= awaited([], {"b": found["b"]}, 3.0)
        assert {pool: (state.held, state.wakes) for pool, state in found.items()} == {
            "a": (2.0, True),
            "b": (3.0, True),
        }

    def test_alike_pools_are_told_apart_by_name(self) -> None:
        assert woken([], named(b=EMPTY, a=EMPTY)) == woken([], named(a=EMPTY, b=EMPTY)) == {"a"}


class TestStanding:
    def since(self, seconds: float, **asked: Any) -> Standing:
        """A pool that was empty, and has been so for some seconds since then."""
        looks = int(seconds / STEP_S)
        history: list[States] = [
            named(a=EMPTY),
            *(at(named(a=replace(EMPTY, **asked)), STEP_S * (1 + i)) for i in range(looks)),
        ]
        return standing(history, replace(EMPTY, at=STEP_S * (1 + looks), **asked))

    def test_who_was_asked_for_comes_until_it_has_taken_too_long(self) -> None:
        for asked in ({"wanted": 1}, {"wanted": 1, "starting": 1}):
            assert self.since(PATIENCE_S - STEP_S, **asked) is Standing.COMES
            assert self.since(PATIENCE_S + STEP_S, **asked) is Standing.LOST
        assert self.since(PATIENCE_S) is Standing.AWAY

    def test_who_was_ready_lately_serves_and_long_ago_does_not(self) -> None:
        down = replace(EMPTY, starting=2, wanted=2, at=STEP_S)
        assert standing([named(a=replace(EMPTY, ready=2, wanted=2))], down) is Standing.SERVES
        history = [named(a=replace(EMPTY, ready=2, wanted=2)), *(at(named(a=down), STEP_S * i) for i in range(1, 30))]
        assert standing(history, replace(down, at=STEP_S * 30)) is Standing.LOST

    def test_who_was_ready_and_is_gone_altogether_is_asked_for_again(self) -> None:
        gone = replace(EMPTY, wanted=1, at=STEP_S)
        for history in (for_long(named(a=replace(EMPTY, ready=1, wanted=1)), 40), []):
            assert standing(history, replace(gone, at=STEP_S * 40)) is Standing.COMES

    def test_a_pool_service_that_has_just_begun_takes_who_is_there_to_come(self) -> None:
        assert standing([], replace(EMPTY, starting=1)) is Standing.COMES


def test_a_pool_that_does_not_come_is_given_up_for_the_next_which_is_stuck_to() -> None:
    pools, policy, history = named(a=costing(1.0), b=costing(2.0)), emptied("hpa_queue"), list[States]()
    had = list[dict[str, int]]()
    for i in range(40):
        wanted = had[-1] if had else {"a": 0, "b": 0}
        found = {pool: replace(state, at=STEP_S * i, wanted=wanted[pool]) for pool, state in pools.items()}
        history.append(awaited(history, found, 1.0))
        had.append(dict(policy.wanted(history, STEP_S * i).replicas))
    first = had.index({"a": 0, "b": 1})
    assert all(one == {"a": 1, "b": 0} for one in had[:first])
    assert PATIENCE_S <= STEP_S * first <= PATIENCE_S + 2.0 * STEP_S
    later = had[first : first + int(PATIENCE_S / STEP_S)]
    assert all(one == {"a": 0, "b": 1} for one in later), "and not to and fro"
