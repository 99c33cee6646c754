import pytest

from bench.chaos.recovery import LEAST_S, Struck, bounds, recovery_s, table
from tests.chaos.requests import answer

STRUCK = Struck(kinds=("pool killed",), begun=8.0, ended=10.0, well=10.5, until=20.0)
BOUND = {"stream": 0.3}
CALM = [answer(at / 10) for at in range(100, 200)]


def test_bounds_are_of_the_slow_end_of_calm_days_and_never_petty() -> None:
    assert bounds([answer(0.0, 0.01)] * 50) == {"stream": LEAST_S}
    assert bounds([answer(0.0, 1.0)] * 50) == {"stream": 3.0}


def test_without_a_slow_request_recovery_takes_no_time() -> None:
    assert recovery_s(STRUCK, CALM, BOUND) == 0.0


def test_it_takes_until_the_last_slow_request_was_sent() -> None:
    slow = [answer(10.0 + at / 10, 2.0) for at in range(25)]
    assert recovery_s(STRUCK, sorted([*slow, *CALM[25:]], key=lambda each: each.sent_at), BOUND) == pytest.approx(2.4)


def test_one_that_was_asked_again_counts_as_slow() -> None:
    assert recovery_s(STRUCK, [answer(10.5, again=1), *CALM[10:]], BOUND) == 0.5


def test_a_single_slow_request_among_many_is_no_trouble() -> None:
    crowd = sorted([*CALM * 4, answer(15.0, 5.0)], key=lambda each: each.sent_at)
    assert recovery_s(STRUCK, crowd, BOUND) == 0.0


def test_what_is_not_over_by_the_next_fault_has_not_recovered() -> None:
    assert recovery_s(STRUCK, [answer(at / 10, 2.0) for at in range(100, 200)], BOUND) is None


def test_the_table_has_a_row_for_each_kind_and_one_for_two_at_once() -> None:
    both = Struck(kinds=("pool killed", "replica paused"), begun=8.0, ended=10.0, well=10.0, until=20.0)
    found = table([STRUCK, STRUCK, both], CALM, BOUND)
    assert found["pool killed"] == {
        "times": 2, "recovery_p50_s": 0.0, "recovery_max_s": 0.0, "well_p50_s": 0.5, "unrecovered": 0
    }  # fmt: skip
    assert found["two at once"]["times"] == 1
    assert list(found) == ["pool killed", "two at once"]
