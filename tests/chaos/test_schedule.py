from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.chaos.faults import KINDS
from bench.chaos.schedule import rounds

COUNTS = {"replica": 4, "redis": 1, "pool": 1, "router": 2}


@given(st.integers(0, 10_000))
def test_a_seed_draws_the_same_faults_and_every_kind_comes_before_any_comes_again(seed: int) -> None:
    first = list(islice(rounds(seed, COUNTS), len(KINDS)))
    assert first == list(islice(rounds(seed, COUNTS), len(KINDS)))
    assert {each.blows[0].kind.name for each in first} == {kind.name for kind in KINDS}


@given(st.integers(0, 10_000))
def test_two_at_once_never_strike_the_same_part_and_leave_replicas_to_serve(seed: int) -> None:
    for each in islice(rounds(seed, COUNTS), 60):
        struck = [(blow.kind.part, blow.victim) for blow in each.blows]
        assert len(set(struck)) == len(struck) <= 2
        for blow in each.blows:
            low, high = blow.kind.seconds
            assert 0 <= blow.victim < COUNTS[blow.kind.part]
            assert low <= blow.seconds <= high


def test_only_the_kinds_asked_for_come_first_in_a_round() -> None:
    found = list(islice(rounds(1, COUNTS, ["pool killed"]), 10))
    assert {each.blows[0].kind.name for each in found} == {"pool killed"}
    with pytest.raises(KeyError):
        next(rounds(1, COUNTS, ["pool annoyed"]))
