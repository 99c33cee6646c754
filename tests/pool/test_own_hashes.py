"""Engine blocks in Weir's own hashes, and what a cache holds of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.kv.blocks import ROOT, salted
from pool.hashing import plain_chain
from pool.holdings import CLEARED, GONE_BLOCKS, REMOVED, STORED, Change, Holdings
from pool.kv_events import Cleared, Removed
from pool.own_hashes import BadEvent, own_hashes
from tests.pool.fakes import chained, store, tokens
from weir.block_roots import root


def holdings(limit: int = 1000) -> Holdings:
    return Holdings(plain_chain, limit)


def own(**more: Any) -> list[int]:
    return own_hashes(store(more.pop("hashes", [1, 2]), **more), None, plain_chain)


def test_a_chain_is_hashed_as_a_router_hashes_the_prompt() -> None:
    assert own() == plain_chain(tokens(2), 4, ROOT)


def test_a_chain_in_two_events_is_the_chain_in_one() -> None:
    cache = holdings()
    cache.apply(store([1]))
    cache.apply(store([2], 1, tokens=tokens(1, first=4)))
    assert cache.own("hbm") == chained(2)


def test_a_prompt_of_an_adapter_shares_no_block_with_one_without() -> None:
    assert own(adapter="ad1") == plain_chain(tokens(2), 4, root("ad1"))


def test_the_keys_the_engine_hashed_say_the_adapter_already() -> None:
    assert own(adapter="ad1", keys=[["ad1"], ["ad1"]]) == own(adapter="ad1")


def test_a_cache_salt_is_part_of_the_first_block_only() -> None:
    assert own(keys=[["tenant"], None]) == plain_chain(tokens(2), 4, root(salt="tenant"))


def test_an_adapter_and_a_salt_are_folded_in_together() -> None:
    assert own(adapter="ad1", keys=[["ad1", "tenant"], ["ad1"]]) == plain_chain(tokens(2), 4, root("ad1", "tenant"))


def test_a_salt_that_reads_like_an_adapter_is_still_a_salt() -> None:
    salted_like_it = own(adapter="ad1", keys=[["ad1", "ad1"], ["ad1"]])
    assert salted_like_it == plain_chain(tokens(2), 4, root("ad1", "ad1"))
    assert len({own()[0], own(adapter="x")[0], own(keys=[["x"], None])[0], salted_like_it[0]}) == 4


def test_what_an_engine_hashes_beside_is_told_apart_by_kind() -> None:
    kinds = [["x"], [["x", 0]], [b"x"], [{"x": 0}], [["x", 1]]]
    assert len({own(keys=[kind, None])[0] for kind in kinds}) == len(kinds)


@given(st.lists(st.sampled_from([None, [], ["ad1"], [["image", 0]], ["ad1", ["image", 2]]]), min_size=6, max_size=6))
def test_a_chain_hashed_in_runs_is_the_chain_hashed_block_by_block(keys: list[Any]) -> None:
    whole = own(hashes=[1, 2, 3, 4, 5, 6], adapter="ad1", keys=[keys[0] or ["ad1"], *keys[1:]])
    cache, parent = holdings(), None
    for i, key in enumerate([keys[0] or ["ad1"], *keys[1:]]):
        one = store([i + 1], parent, tokens=tokens(1, first=4 * i), adapter="ad1", keys=[key])
        cache.apply(one)
        parent = i + 1
    assert cache.own("hbm") == whole


def test_an_image_changes_its_block_and_all_after_it() -> None:
    first, second, third = own(hashes=[1, 2, 3], keys=[None, [["image", 3]], None])
    plain = own(hashes=[1, 2, 3])
    assert first == plain[0]
    assert second == plain_chain(tokens(1, first=4), 4, salted(first, "mm", "image", 3))[0]
    assert third == plain_chain(tokens(1, first=8), 4, second)[0]


@pytest.mark.parametrize("more", [{"block_tokens": 0}, {"block_tokens": 8}, {"tokens": [1, 2, 3, -4, 5, 6, 7, 8]}])
def test_an_event_that_contradicts_itself_is_bad(more) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadEvent):
        own(**more)


def test_what_is_stored_and_removed_is_told_in_own_hashes() -> None:
    cache, mine = holdings(), chained(2)
    assert cache.apply(store([1, 2])) == Change(STORED, mine)
    assert cache.apply(Removed([2])) == Change(REMOVED, [mine[1]])
    assert cache.own("hbm") == mine[:1]


def test_a_block_computed_twice_is_held_until_both_are_gone() -> None:
    cache = holdings()
    cache.apply(store([1]))
    assert cache.apply(store([1])) is None
    assert cache.apply(Removed([1])) is None
    assert cache.apply(Removed([1])) == Change(REMOVED, chained(1))


def test_a_block_below_an_unknown_parent_is_counted_and_skipped() -> None:
    cache = holdings()
    assert cache.apply(store([5], 4)) is None
    assert (cache.odd.orphans, len(cache)) == (1, 0)


def test_a_removed_block_that_was_never_held_is_counted() -> None:
    cache = holdings()
    assert cache.apply(Removed([9])) is None
    assert cache.odd.strangers == 1


def test_a_block_moves_to_another_tier_without_its_tokens() -> None:
    cache = holdings()
    cache.apply(store([1]))
    cache.apply(Removed([1]))
    assert cache.apply(store([1], tokens=[], tier="host")) == Change(STORED, chained(1), "host")
    assert cache.tiers() == ["host"]


def test_only_the_first_attention_group_counts() -> None:
    cache = holdings()
    assert cache.apply(store([1], group=1)) is None
    cache.apply(store([1]))
    assert cache.apply(Removed([1], group=1)) is None
    assert len(cache) == 1


def test_clearing_forgets_all() -> None:
    cache = holdings()
    cache.apply(store([1, 2]))
    assert cache.apply(Cleared()) == Change(CLEARED, [])
    assert (len(cache), cache.apply(store([3], 2))) == (0, None)


def test_what_is_lost_is_not_held_but_its_names_still_translate() -> None:
    cache = holdings()
    cache.apply(store([1]))
    cache.lose()
    assert cache.own("hbm") == []
    assert cache.apply(store([2], 1, tokens=tokens(1, first=4))) == Change(STORED, chained(2)[1:])
    assert cache.odd.strays == 1  # its parent is in the cache, and was not known to be


def test_memory_is_bounded() -> None:
    cache = holdings(limit=3)
    cache.apply(store([1, 2, 3]))
    assert cache.apply(store([4], 3)) is None
    assert (cache.odd.refused, len(cache)) == (1, 3)
    full = holdings(limit=1 << 20)
    for start in range(0, GONE_BLOCKS + 4096, 4096):
        many = list(range(start, start + 4096))
        full.apply(store(many, tokens=tokens(4096, first=4 * start)))
        full.apply(Removed(many))
    assert GONE_BLOCKS <= len(full._gone) + len(full._long_gone) <= 2 * GONE_BLOCKS


steps = st.lists(
    st.tuples(st.just("store"), st.integers(0, 4), st.integers(1, 4)) | st.tuples(st.just("remove"), st.integers(1, 8)),
    max_size=30,
)


@given(steps)
def test_telling_the_changes_to_anyone_gives_what_is_held(steps) -> None:  # type: ignore[no-untyped-def]
    cache = holdings()
    heard: set[int] = set()
    for what, first, *count in steps:
        ids = list(range(first + 1, first + 1 + count[0])) if count else [first]
        event = store(ids, first or None, tokens=tokens(len(ids), first=4 * first)) if what == "store" else Removed(ids)
        change = cache.apply(event)
        if change is not None:
            heard = heard | set(change.blocks) if change.kind == STORED else heard - set(change.blocks)
    assert heard == set(cache.own("hbm"))
