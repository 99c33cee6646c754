"""The rule that moves a boundary: when it does, how far, and that it does not go to and fro."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from policies.scale.boundary import ByLength, grown, pair_of, sides
from policies.scale.lengths import CLASSES, EDGES, class_of, nearest_edge
from policies.scale.scaling import Boundary, PoolState, Wish, scaling

SHORT, LONG = latency_model("rtx-4090", "llama-3.1-8b"), latency_model("h100-sxm", "llama-3.1-8b")
CHATS, AGENTS = ((1.0, 300.0),), ((0.3, 300.0), (0.7, 4000.0))
RULE = ByLength(ttft_s=5.0, tokens=1024.0, interval_s=60.0)

Parts = Sequence[tuple[float, float]]


@dataclass
class Fleet:
    """A fleet that does what it is told at once, under a mix that is told; prompts a class, answers a quarter."""

    rule: ByLength = RULE
    ready: bool = True  # whether replicas are there as soon as they are wanted
    most: int = 40
    now: float = 0.0
    boundary: Boundary | None = None
    replicas: dict[str, int] = field(default_factory=lambda: {"short": 1, "long": 1})
    history: list[dict[str, PoolState]] = field(default_factory=list)
    moves: list[tuple[float, float]] = field(default_factory=list)

    def state(self, pool: str, parts: Parts, rate: float) -> PoolState:
        lengths = np.zeros(CLASSES)
        for share, tokens in parts:
            bound = self.boundary.tokens if self.boundary else 0.0
            if (tokens <= bound) == (pool == "short"):
                lengths[class_of(tokens)] += round(share * rate * 60.0)
        answers = tuple(float(n * EDGES[i] / 4) for i, n in enumerate(lengths))
        count = int(lengths.sum())
        counts = tuple(int(n) for n in lengths)
        return PoolState(
            pool=pool, at=self.now, ready=self.replicas[pool], starting=0, draining=0, most=self.most, running=1.0,
            waiting=0.0, held=0.0, slots=256, kv_share=0.1, arrived=count, ended=count,
            prompt_tokens=float(sum(n * EDGES[i] for i, n in enumerate(lengths))), output_tokens=sum(answers),
            judged=count, lengths=counts, answered=counts, answer_tokens=answers,
            boundary=self.boundary, wanted=self.replicas[pool], perf=SHORT if pool == "short" else LONG,
        )  # fmt: skip

    def serve(self, parts: Parts, minutes: int, rate: float = 20.0) -> Wish:
        """Some minutes of a mix; returns the last wish."""
        wish = Wish(replicas={})
        for _ in range(minutes):
            self.history.append({pool: self.state(pool, parts, rate) for pool in ("short", "long")})
            wish = self.rule.wanted(self.history, self.now)
            for boundary in wish.boundaries:
                self.boundary = boundary
                self.moves.append((self.now, boundary.tokens))
            if self.ready or len(self.history) == 1:
                self.replicas |= wish.replicas
            self.now += 60.0
        return wish


def test_it_is_found_by_its_name_with_its_settings() -> None:
    assert scaling("boundary", {"gain": 0.1, "step": 2}) == ByLength(gain=0.1, step=2)


def test_the_first_wish_divides_the_pools_where_it_is_told_to_begin() -> None:
    fleet = Fleet()
    wish = fleet.serve(CHATS, 1)
    assert wish.boundaries == (Boundary(short="short", long="long", tokens=EDGES[nearest_edge(1024.0)]),)
    assert wish.why


def test_a_longer_mix_moves_it_and_then_it_rests() -> None:
    fleet = Fleet()
    fleet.serve(CHATS, 60)
    before = len(fleet.moves)
    fleet.serve(AGENTS, 60)
    assert len(fleet.moves) > before
    assert fleet.boundary is not None
    settled = fleet.boundary
    fleet.serve(AGENTS, 120)
    assert fleet.boundary == settled or len(fleet.moves) <= before + 4


def test_a_steady_mix_settles() -> None:
    fleet = Fleet()
    fleet.serve(AGENTS, 240)
    last = fleet.moves[-1][0]
    fleet.serve(AGENTS, 240)
    assert fleet.moves[-1][0] == last


def test_two_moves_are_never_closer_than_the_dwell_nor_wider_than_a_step() -> None:
    fleet = Fleet()
    for parts in (CHATS, AGENTS, CHATS, AGENTS):
        fleet.serve(parts, 45)
    for (at, tokens), (later, others) in zip(fleet.moves[1:], fleet.moves[2:], strict=False):
        assert later - at >= RULE.dwell_s
        assert abs(nearest_edge(tokens) - nearest_edge(others)) <= RULE.step


def test_it_does_not_turn_back_soon() -> None:
    fleet = Fleet()
    for i in range(24):
        fleet.serve(CHATS if i % 2 else AGENTS, 15)
    ways = [(at, np.sign(b - a)) for (_, a), (at, b) in pairwise(fleet.moves)]
    for (at, way), (later, other) in pairwise(ways):
        assert way == other or later - at >= RULE.turn_s


def test_nothing_moves_before_replicas_are_ready_for_what_comes_over() -> None:
    fleet = Fleet()
    fleet.serve(CHATS, 60)
    before = fleet.boundary
    fleet.ready = False
    fleet.replicas = {"short": 1, "long": 1}
    wish = fleet.serve(AGENTS, 60)
    assert fleet.boundary == before
    assert max(wish.replicas.values()) > 1


def test_a_rule_told_to_stay_stays() -> None:
    fleet = Fleet(rule=replace(RULE, step=0))
    fleet.serve(CHATS, 30)
    fleet.serve(AGENTS, 60)
    assert len(fleet.moves) == 1


def test_gamma_stays_one_where_nothing_may_be_compressed() -> None:
    fleet = Fleet(rule=replace(RULE, gamma=2.0))
    fleet.serve(AGENTS, 90)
    assert fleet.boundary is not None
    assert fleet.boundary.gamma == 1.0


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from([CHATS, AGENTS]), min_size=1, max_size=3), st.floats(300.0, 900.0))
def test_it_never_leaves_its_bounds(days: list[Parts], most: float) -> None:
    rule = replace(RULE, least_tokens=256.0, most_tokens=most, dwell_s=300.0, hold_s=120.0, compressible=0.5)
    fleet = Fleet(rule=rule)
    for parts in days:
        fleet.serve(parts, 25)
    assert all(256.0 <= tokens <= most for _, tokens in fleet.moves)
    assert fleet.boundary is not None
    assert 1.0 <= fleet.boundary.gamma <= rule.most_gamma


def test_pools_that_nothing_tells_apart_are_not_divided() -> None:
    alike = {pool: replace(Fleet().state("long", CHATS, 1.0), pool=pool) for pool in ("a", "b")}
    assert sides(alike) is None
    assert RULE.wanted([alike], 0.0).boundaries == ()
    assert sides({"a": alike["a"]}) is None


def test_the_short_pool_is_the_one_that_takes_shorter_requests_else_the_cheaper() -> None:
    state = Fleet().state("short", CHATS, 1.0)
    cheap, dear = state, replace(state, perf=LONG)
    assert sides({"x": dear, "y": cheap}) == ("y", "x")
    assert sides({"x": replace(dear, limit_tokens=8192), "y": replace(cheap, limit_tokens=131072)}) == ("x", "y")


def test_without_lengths_nothing_moves() -> None:
    fleet = Fleet()
    fleet.serve(CHATS, 30)
    blind = [
        {pool: replace(state, lengths=(), answered=(), answer_tokens=()) for pool, state in states.items()}
        for states in fleet.history
    ]
    assert RULE.wanted(blind, fleet.now).boundaries == ()


@pytest.mark.parametrize(("replicas", "was", "will", "want"), [(4, 2.0, 4.0, 8), (4, 4.0, 2.0, 2), (3, 0.0, 2.0, 3)])
def test_replicas_grow_as_the_law_says_of_those_that_are_wanted(
    replicas: int, was: float, will: float, want: int
) -> None:
    assert grown(replicas, was, will) == want


def test_a_boundary_and_its_classes_are_the_same_thing() -> None:
    for edge in range(CLASSES):
        assert pair_of(Boundary(short="s", long="l", tokens=EDGES[edge], gamma=2.0 ** (3 / 4))) == (edge, 3)
