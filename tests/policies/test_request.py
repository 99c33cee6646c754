import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from policies.request import BITS31, coin, hash31, mix31

bits31 = st.integers(0, BITS31)


@given(bits31, bits31)
def test_mixing_stays_within_31_bits(value: int, salt: int) -> None:
    assert 0 <= mix31(value, salt) <= BITS31


@given(bits31, bits31, bits31)
def test_mixing_never_maps_two_values_to_one_under_the_same_salt(one: int, other: int, salt: int) -> None:
    assert (mix31(one, salt) == mix31(other, salt)) == (one == other)


def test_mixing_is_pinned() -> None:
    assert [mix31(value, salt) for value, salt in ((0, 0), (1, 0), (1, 1), (BITS31, BITS31))] == PINNED


PINNED = [0, 1172030555, 239746762, 239746762]


@given(st.text(max_size=40))
def test_a_hash_is_never_the_zero_that_means_none(text: str) -> None:
    assert 1 <= hash31(text) <= BITS31
    assert hash31(text) == hash31(text.encode())


def test_the_empty_string_has_a_hash_too() -> None:
    assert hash31("") == 1


@given(st.text(max_size=40), st.integers(0, 1000))
def test_a_coin_lies_in_the_half_open_unit_interval(request_id: str, salt: int) -> None:
    assert 0.0 <= coin(request_id, salt) < 1.0


def test_coins_are_spread_evenly_over_request_ids_and_over_salts() -> None:
    by_id = np.histogram([coin(f"request-{i}") for i in range(20_000)], bins=10, range=(0.0, 1.0))[0]
    by_salt = np.histogram([coin("request", i) for i in range(20_000)], bins=10, range=(0.0, 1.0))[0]
    assert np.abs(by_id - 2000).max() < 250
    assert np.abs(by_salt - 2000).max() < 250


def test_coins_under_two_salts_have_nothing_to_do_with_each_other() -> None:
    draws = np.array([[coin(f"request-{i}", salt) for salt in (0, 1)] for i in range(5000)])
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.06


def test_a_hash_is_the_same_in_another_process() -> None:
    command = "from policies.request import hash31, coin; print(hash31('replica-1'), coin('r', 3))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(hash31("replica-1")), str(coin("r", 3))]
