"""Ways to share replicas out."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.scale.needs import Needs
from policies.scale.scaling import Move, PoolState
from policies.scale.splits import BESIDE, Floors, Split, between, headroom, moves, split_of, splits

ANY = Floors(1, 1, 0)
NEEDS = Needs(prefill=4.0, spare=0.5, decode=2.0, mixed=8.0)

counts = st.integers(0, 12)
floors = st.builds(Floors, st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))


def state(role: str, ready: int, pool: str = "") -> PoolState:
    return PoolState(
        pool=pool or role, at=0.0, ready=ready, starting=0, draining=0, most=8, running=0.0, waiting=0.0, held=0.0,
        slots=256, kv_share=0.0, arrived=0, role=role,
    )  # fmt: skip


@given(counts, floors)
def test_every_split_uses_all_and_keeps_the_floors(replicas: int, least: Floors) -> None:
    found = list(splits(replicas, least))
    assert len(set(found)) == len(found)
    for one in found:
        assert one.replicas == replicas
        assert bool(one.prefill) == bool(one.decode)
        assert one.mixed >= least.mixed
        assert not one.prefill or (one.prefill >= least.prefill and one.decode >= least.decode)


def test_eight_replicas_are_split_in_so_many_ways() -> None:
    found = list(splits(8, ANY))
    assert len(found) == 1 + sum(range(1, 8))
    assert {Split(0, 0, 8), Split(1, 7, 0), Split(7, 1, 0), Split(1, 1, 6)} < set(found)
    assert list(splits(0, ANY)) == []


def test_headroom_is_that_of_the_role_that_lacks_most() -> None:
    assert headroom(Split(5, 3, 0), NEEDS) == pytest.approx(min(4.5 / 4.0, 3.0 / 2.0))
    assert headroom(Split(7, 1, 0), NEEDS) == pytest.approx(0.5)
    assert headroom(Split(0, 0, 8), NEEDS) == pytest.approx(1.0)
    assert headroom(Split(4, 2, 2), NEEDS) == pytest.approx(3.5 / 4.0 + BESIDE * 2.0 / 8.0)


def test_a_role_that_cannot_keep_its_deadline_adds_nothing() -> None:
    hopeless = Needs(prefill=4.0, spare=0.5, decode=inf, mixed=inf)
    assert headroom(Split(5, 3, 0), hopeless) == 0.0
    assert headroom(Split(0, 0, 8), hopeless) == 0.0


@given(counts, counts, counts, st.sampled_from([0, 1, 2]))
def test_one_replica_more_is_never_worse(prefill: int, decode: int, mixed: int, where: int) -> None:
    # One that computes prompts and nobody who decodes, or the other way round, is no split.
    if bool(prefill) != bool(decode):
        return
    one = Split(prefill, decode, mixed)
    more = Split(*(count + (i == where) for i, count in enumerate(one)))
    if bool(more.prefill) == bool(more.decode):
        assert headroom(more, NEEDS) >= headroom(one, NEEDS)


def test_the_way_from_one_to_another_goes_through_those_between() -> None:
    assert set(between(Split(7, 1, 0), Split(5, 3, 0), ANY)) == {Split(6, 2, 0), Split(5, 3, 0)}
    assert Split(1, 1, 6) in set(between(Split(0, 0, 8), Split(5, 3, 0), ANY))


def test_moves_lead_from_one_to_the_other() -> None:
    states = {"p": state("prefill", 7, "p"), "d": state("decode", 1, "d")}
    there = moves(states, Split(7, 1, 0), Split(4, 2, 2), drains=False)
    assert there == (
        Move(source="p", target="d", replicas=1, drains=False),
        Move(source="p", target="mixed", replicas=2, drains=False),
    )
    assert moves(states, Split(7, 1, 0), Split(7, 1, 0), drains=True) == ()


def test_only_replicas_that_are_ready_count() -> None:
    states = {"prefill": state("prefill", 3), "decode": state("decode", 2), "encode": state("encode", 4)}
    assert split_of(states) == Split(3, 2, 0)


def test_a_split_is_told_in_few_characters() -> None:
    assert [Split(5, 3, 0).told(), Split(5, 2, 1).told(), Split(0, 0, 8).told()] == ["5:3", "5:2+1", "8"]
    assert Split(0, 0, 0).told() == "none"
    assert Split(7, 1, 0).moves_to(Split(5, 3, 0)) == 2
