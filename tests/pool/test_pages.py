"""Pages regrouped into blocks: the same prefixes as an engine with whole blocks would tell."""

from hypothesis import given
from hypothesis import strategies as st

from pool.hashing import plain_chain
from pool.holdings import Holdings
from pool.kv_events import Cleared, Removed, Stored
from pool.pages import Pages, pages_of
from tests.pool.fakes import chained, tokens

BLOCK = 4


def page(first: int, count: int = 1, size: int = 1, parent: int | None = None) -> Stored:
    """Pages number first, first + 1, ... of one long chain; a page's hash is its number plus 1."""
    ids = tokens(count, size, first * size)
    before = parent if parent is not None else first or None
    return Stored([first + i + 1 for i in range(count)], before, ids, size, paged=True)


def held(pages: Pages, *events: Stored | Removed | Cleared) -> list[int]:
    holdings = Holdings(plain_chain)
    for event in events:
        whole = pages.regrouped(event)
        if whole is not None:
            holdings.apply(whole)
    assert holdings.odd.evidence == 0
    return holdings.own("hbm")


def test_pages_one_after_another_make_the_blocks_of_their_tokens() -> None:
    assert held(Pages(BLOCK), *(page(i) for i in range(11))) == chained(2)


def test_many_pages_in_one_event_make_several_blocks() -> None:
    assert held(Pages(BLOCK), page(0, 11), page(11)) == chained(3)


def test_a_block_goes_with_the_page_that_ends_it() -> None:
    pages = Pages(BLOCK)
    assert held(pages, page(0, 8), Removed([8])) == chained(1)
    assert pages.regrouped(Removed([6])) is None


def test_pages_that_end_no_block_say_nothing() -> None:
    assert Pages(BLOCK).regrouped(page(0, 3)) is None


def test_two_prompts_that_part_within_a_block_have_blocks_of_their_own() -> None:
    other = Stored([100, 101], 2, [77, 78], 1, paged=True)
    found = held(Pages(BLOCK), page(0, 4), other)
    assert found == [*chained(1), *plain_chain([0, 1, 77, 78], BLOCK, 0x9AE16A3B2F90404F)]


def test_a_page_below_one_that_is_not_known_is_an_orphan() -> None:
    holdings = Holdings(plain_chain)
    event = Pages(BLOCK).regrouped(page(5))
    assert event is not None
    assert holdings.apply(event) is None
    assert holdings.odd.orphans == 1


def test_a_cleared_cache_has_no_pages() -> None:
    pages = Pages(BLOCK)
    assert held(pages, page(0, 4), Cleared()) == []
    assert pages.regrouped(page(4)) == page(4)


def test_what_is_remembered_is_bounded_and_the_latest_stays() -> None:
    pages = Pages(BLOCK, most=8)
    for i in range(100):
        pages.regrouped(page(i))
    assert len(pages._ends) + len(pages._older) <= 16
    assert pages.regrouped(page(100, 4)) is not None


def test_only_pages_smaller_than_a_block_and_dividing_it_are_regrouped() -> None:
    assert pages_of(page(0), 4) is not None
    assert pages_of(page(0, size=4), 4) is None
    assert pages_of(page(0, size=3), 4) is None
    assert pages_of(page(0)._replace(paged=False), 4) is None
    assert pages_of(Removed([1]), 4) is None


@given(st.lists(st.integers(1, 9), max_size=12), st.sampled_from([1, 2, 4]))
def test_however_pages_are_cut_the_blocks_are_the_same(cuts: list[int], size: int) -> None:
    events, at = [], 0
    for count in cuts:
        events.append(page(at, count, size))
        at += count
    assert held(Pages(BLOCK), *events) == chained(at * size // BLOCK)
