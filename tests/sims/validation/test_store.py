import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.validation.store import Store


def test_a_chain_is_found_up_to_its_first_missing_block() -> None:
    store = Store(8, 1.0, 1.0)
    assert store.keep((1, 2, 3)) == 3
    assert store.leading((1, 2, 9, 3)) == 2
    assert store.leading((9, 1)) == 0


def test_keeping_again_adds_nothing() -> None:
    store = Store(8, 1.0, 1.0)
    store.keep((1, 2, 3))
    assert store.keep((1, 2, 4)) == 1
    assert len(store) == 4


def test_a_full_store_loses_the_tail_of_its_oldest_chain_first() -> None:
    store = Store(4, 1.0, 1.0)
    store.keep((1, 2, 3))
    store.keep((7, 8))
    assert store.leading((1, 2, 3)) == 2
    assert store.leading((7, 8)) == 2


def test_what_is_read_again_stays() -> None:
    store = Store(3, 1.0, 1.0)
    store.keep((1,))
    store.keep((2,))
    store.keep((3,))
    store.keep((1,))
    store.keep((4,))
    assert store.leading((1,)) == 1
    assert store.leading((2,)) == 0


def test_moving_takes_bytes_over_rate() -> None:
    assert Store(8, 4.0, 2.0).move(3, 0.0) == pytest.approx(6.0)


def test_nothing_moves_in_no_time() -> None:
    assert Store(8, 4.0, 2.0).move(0, 0.0) == 0.0


def test_transfers_wait_for_those_before_them_and_a_rested_link_does_not() -> None:
    store = Store(8, 1.0, 1.0)
    assert store.move(5, 10.0) == pytest.approx(5.0)
    assert store.move(2, 12.0) == pytest.approx(5.0)
    assert store.move(2, 100.0) == pytest.approx(2.0)


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True), max_size=20), st.integers(1, 10))
def test_a_store_never_holds_more_than_it_can(chains: list[list[int]], capacity: int) -> None:
    store = Store(capacity, 1.0, 1.0)
    for chain in chains:
        store.keep(chain)
        assert len(store) <= capacity
        assert store.leading(chain) <= min(len(chain), capacity)
