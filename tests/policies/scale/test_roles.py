"""The policy that switches roles, on histories made by hand."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from policies.scale.roles import Roles, demanded
from policies.scale.scaling import PoolState, scaling
from policies.scale.splits import Floors, Split, splits

QWEN = latency_model("h100-sxm", "qwen3-32b", 2)
POLICY = Roles(ttft_s=1.0, tpot_s=0.05, burst=1.0)
CODE, TALK = (40.0, 2048.0, 28.0), (46.0, 1155.0, 211.0)
Traffic = tuple[float, float, float]  # requests a second, tokens of a prompt, tokens of an answer
States = dict[str, PoolState]


def seen(split: Split, at: float, traffic: Traffic, waiting: float = 0.0, interval_s: float = 5.0) -> States:
    """A fleet that serves a traffic evenly: what one interval shows."""
    rate, prompt, output = traffic
    requests = round(rate * interval_s)
    apart = split.prefill > 0
    arrived = {"prefill": requests if apart else 0, "decode": 0, "mixed": 0 if apart else requests}
    ended = {"prefill": 0, "decode": requests if apart else 0, "mixed": 0 if apart else requests}
    return {
        role: PoolState(
            pool=role, at=at, ready=ready, starting=0, draining=0, most=8, running=0.0,
            waiting=waiting if arrived[role] else 0.0, held=0.0, slots=256, kv_share=0.0, arrived=arrived[role],
            prompt_tokens=prompt * arrived[role], ended=ended[role], output_tokens=output * ended[role], role=role,
            perf=QWEN,
        )
        for role, ready in zip(Split._fields, split, strict=True)
    }  # fmt: skip


def after(split: Split, moves: Mapping[tuple[str, str], int]) -> Split:
    counts = split._asdict()
    for (source, target), replicas in moves.items():
        counts[source] -= replicas
        counts[target] += replicas
    return Split(**counts)


def lived(policy: Roles, traffic: list[Traffic], first: Split) -> list[Split]:
    """The split after each interval of a traffic; moves are done at once."""
    history, here, had = [seen(first, 0.0, (0.0, 0.0, 0.0))], first, list[Split]()
    for i, one in enumerate(traffic):
        history.append(seen(here, 5.0 * (i + 1), one))
        wish = policy.wanted(history, 5.0 * (i + 1))
        here = after(here, {(move.source, move.target): move.replicas for move in wish.moves})
        had.append(here)
    return had


@pytest.mark.parametrize("first", [Split(0, 0, 0), Split(3, 5, 0), Split(0, 0, 8)])
def test_it_never_says_how_many_there_are_in_all_not_even_when_it_begins(first: Split) -> None:
    for traffic in ((0.0, 0.0, 0.0), CODE):
        wish = POLICY.wanted([seen(first, 0.0, traffic)], 0.0)
        assert (wish.replicas, wish.moves) == ({}, ())


def test_it_is_found_by_name() -> None:
    assert scaling("roles", {"dwell_s": 30.0}) == Roles(dwell_s=30.0)


def test_code_is_computed_by_seven_and_talk_by_five() -> None:
    assert lived(POLICY, [CODE] * 100, Split(4, 4, 0))[-1] == Split(7, 1, 0)
    assert lived(POLICY, [TALK] * 100, Split(4, 4, 0))[-1] in {Split(5, 3, 0), Split(4, 4, 0)}


def test_when_the_traffic_changes_the_fleet_follows_and_stays() -> None:
    had = lived(POLICY, [CODE] * 60 + [TALK] * 60 + [CODE] * 60, Split(7, 1, 0))
    assert had[59] == Split(7, 1, 0)
    assert had[119].decode >= 3
    assert had[179] == Split(7, 1, 0)
    changes = sum(one != other for one, other in pairwise(had))
    assert changes <= 6


def test_one_replica_moves_at_a_time_and_then_none_for_a_while() -> None:
    half = (18.0, 2048.0, 28.0)
    had = lived(POLICY, [half] * 60, Split(5, 3, 0))
    steps = [(i, one.moves_to(other)) for i, (one, other) in enumerate(pairwise(had)) if one != other]
    assert [moved for _, moved in steps] == [1] * len(steps)
    assert all(later - before >= POLICY.dwell_s / 5.0 for (before, _), (later, _) in pairwise(steps))


def test_where_the_headroom_is_gone_everything_moves_at_once() -> None:
    had = lived(POLICY, [TALK] * 12, Split(7, 1, 0))
    assert had[0].decode >= 3
    assert Split(7, 1, 0).moves_to(had[0]) >= 2


def test_where_there_is_plenty_nobody_moves() -> None:
    little = (4.0, 1155.0, 211.0)
    assert set(lived(POLICY, [little] * 60, Split(3, 5, 0))) == {Split(3, 5, 0)}


def test_nothing_is_decided_on_a_handful_of_requests() -> None:
    few = (0.3, 8000.0, 20.0)
    assert set(lived(POLICY, [few] * 20, Split(1, 7, 0))) == {Split(1, 7, 0)}
    assert demanded([seen(Split(1, 7, 0), 5.0, few)], 30.0, 1.0) is None


def test_nothing_moves_while_somebody_empties() -> None:
    history = [seen(Split(0, 0, 0), 0.0, TALK), seen(Split(7, 1, 0), 5.0, TALK)]
    assert POLICY.wanted(history, 5.0).moves
    history[-1]["prefill"] = replace(history[-1]["prefill"], draining=1)
    assert POLICY.wanted(history, 5.0).moves == ()


def test_a_move_says_why_and_whether_it_empties_first() -> None:
    history = [seen(Split(0, 0, 0), 0.0, TALK), seen(Split(7, 1, 0), 5.0, TALK)]
    wish = replace(POLICY, drains=True).wanted(history, 5.0)
    assert wish.why.startswith("7:1 serves ")
    assert "times the demand within the deadlines" in wish.why
    assert [move.drains for move in wish.moves] == [True]


def test_answers_still_under_way_count_before_they_end() -> None:
    states = seen(Split(7, 1, 0), 5.0, CODE)
    states["decode"] = replace(states["decode"], ended=20, output_tokens=20 * 28.0 + 4000.0)
    demand = demanded([states], 5.0, 1.0)
    assert demand is not None
    assert demand.output_tokens == pytest.approx(28.0 + 200.0)


def test_prompts_that_wait_are_demand_too() -> None:
    demand = demanded([seen(Split(7, 1, 0), 5.0, CODE, waiting=60.0)], 30.0, 1.0)
    assert demand is not None
    assert demand.behind == pytest.approx(2.0)


def test_without_a_latency_model_nothing_moves() -> None:
    bare = {role: replace(state, perf=None) for role, state in seen(Split(7, 1, 0), 5.0, TALK).items()}
    assert POLICY.wanted([bare, bare], 5.0).moves == ()


def test_a_floor_is_kept() -> None:
    safe = replace(POLICY, least_decode=2)
    assert lived(safe, [CODE] * 100, Split(4, 4, 0))[-1] == Split(6, 2, 0)


traffics = st.tuples(st.floats(4.0, 80.0), st.floats(50.0, 6000.0), st.floats(2.0, 600.0))
policies = st.builds(
    Roles,
    ttft_s=st.floats(0.3, 5.0),
    tpot_s=st.floats(0.02, 0.2),
    burst=st.floats(1.0, 20.0),
    least_prefill=st.integers(1, 2),
    least_decode=st.integers(1, 2),
    least_mixed=st.integers(0, 1),
)


@given(policies, traffics, st.sampled_from(sorted(splits(8, Floors(2, 2, 1)))))
@settings(max_examples=100, deadline=None)
def test_under_a_constant_demand_it_settles_and_never_returns(policy: Roles, traffic: Traffic, first: Split) -> None:
    had = [first, *lived(policy, [traffic] * 150, first)]
    stations = [one for i, one in enumerate(had) if i == 0 or one != had[i - 1]]
    assert len(set(stations)) == len(stations)
    assert len(set(had[-13:])) == 1


@given(policies, st.lists(traffics, min_size=1, max_size=12), st.sampled_from(sorted(splits(8, Floors(2, 2, 1)))))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_no_replica_is_lost_and_floors_are_kept(
    policy: Roles, changing: list[Traffic], first: Split
) -> None:
    for one in lived(policy, [each for each in changing for _ in range(8)], first):
        assert one.replicas == 8
        assert bool(one.prefill) == bool(one.decode)
        assert one.mixed >= policy.least_mixed
        assert not one.prefill or (one.prefill >= policy.least_prefill and one.decode >= policy.least_decode)
