"""Boundaries as statuses keep them, as routers are told, and as a policy's wishes make them."""

from dataclasses import dataclass, field

import pytest

from policies.scale.scaling import Boundary, History, Wish
from pool.control.divisions import entered, kept, messages, read, words
from pool.control.wishes import Wishes, bounded, states
from tests.pool.fakes import described, roster
from weir.fleetfile import Pool

AT = Boundary(short="s", long="l", tokens=4096.0, gamma=1.5)
POOLS = {
    "s": Pool(name="s", gpu="rtx-4090", model="llama-3.1-8b", addresses=["a:1"]),
    "l": Pool(name="l", gpu="h100-sxm", model="llama-3.1-8b", addresses=["b:1"]),
}


def test_a_boundary_is_known_by_either_pool_and_told_once() -> None:
    divided = entered({}, [AT])
    assert divided == {"s": AT, "l": AT}
    assert [(each.short, each.tokens, each.gamma) for each in messages(divided)] == [("s", 4096.0, 1.5)]


def test_a_pool_that_is_divided_from_another_is_no_longer_from_the_first() -> None:
    other = Boundary(short="l", long="x", tokens=100.0)
    assert entered(entered({}, [AT]), [other]) == {"l": other, "x": other}


def test_what_a_status_keeps_is_read_again() -> None:
    statuses = {name: kept(AT) for name in ("s", "l")}
    assert read(statuses, POOLS) == {"s": AT, "l": AT}
    assert kept(None) == {}


@pytest.mark.parametrize("told", [
    None, 7, {}, {"short": "s", "long": "l", "tokens": "many", "gamma": 1}, {"short": 1, "long": "l", "tokens": 5},
    {"short": "s", "long": "s", "tokens": 5, "gamma": "1"}, {"short": "s", "long": "l", "tokens": -5, "gamma": "1"},
    {"short": "s", "long": "l", "tokens": 5, "gamma": "0.5"}, {"short": "s", "long": "gone", "tokens": 5, "gamma": "1"},
])  # fmt: skip
def test_what_makes_no_sense_in_a_status_is_no_boundary(told: object) -> None:
    assert read({"s": {"boundary": told}, "l": {"boundary": told}, "x": None}, POOLS) == {}


def test_a_boundary_of_which_only_one_side_tells_is_none() -> None:
    assert read({"s": kept(AT)}, POOLS) == {}


def test_it_is_said_in_a_sentence() -> None:
    assert words(AT) == (
        "prompts of up to 4,096 tokens go to s, longer ones to l, compressed where allowed up to 1.50 times that"
    )


@dataclass
class Divides:
    """A policy that wishes a boundary, and keeps what it saw."""

    interval_s: float = 5.0
    seen: list[History] = field(default_factory=list)

    def wanted(self, history: History, now: float) -> Wish:
        self.seen.append([history[-1]])
        there = history[-1]["s"].boundary
        return Wish(replicas={}, boundaries=() if there == AT else (AT,), why="it is cheaper")


def test_a_policy_s_boundary_is_in_force_and_seen_at_the_next_look() -> None:
    now, policy, there = [0.0], Divides(), roster()
    for name in POOLS:
        told = described(f"{name}0", pool=name, model="llama-3.1-8b", profile="llama-3.1-8b", context_limit=8192)
        there.answered(there.enter(told))
    wishes = Wishes(policy="boundary", clock=lambda: now[0])
    wishes._policy = policy
    for now[0] in (0.0, 10.0):
        wishes.look(there, POOLS, {})
    first, second = (seen[0]["s"] for seen in policy.seen)
    assert (first.boundary, second.boundary) == (None, AT)
    assert second.limit_tokens == 8192
    assert wishes.moved == [(AT, "it is cheaper")]
    assert wishes.divided == {"s": AT, "l": AT}


def test_states_of_pools_without_a_boundary_have_none() -> None:
    found = bounded(states(POOLS, [], {}, {}, 0.0), {}, [])
    assert {state.boundary for state in found.values()} == {None}
