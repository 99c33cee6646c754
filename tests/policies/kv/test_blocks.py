import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.kv.blocks import RESERVED, ROOT, hash_text, hash_tokens, salted
from policies.native.index import BlockBuffer
from policies.native.index import hash_tokens as compiled_hash_tokens

token_lists = st.lists(st.integers(0, 2**32 - 1), max_size=80)
parents = st.integers(RESERVED, 2**64 - 1)


def as_tokens(tokens: list[int]) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
    return np.array(tokens, dtype=np.uint32)


@given(token_lists, st.integers(1, 20), parents)
def test_compiled_and_plain_hash_tokens_alike(tokens: list[int], block: int, parent: int) -> None:
    plain = hash_tokens(tokens, block, parent).tolist()
    buffer = BlockBuffer()
    assert compiled_hash_tokens(as_tokens(tokens), block, parent).tolist() == plain
    assert buffer.tokens(as_tokens(tokens), block, parent) == len(plain)
    assert buffer.hashes().tolist() == plain


@given(st.binary(max_size=200), st.sampled_from((8, 16, 64)), parents)
def test_compiled_and_plain_hash_text_alike(text: bytes, block: int, parent: int) -> None:
    buffer = BlockBuffer()
    buffer.text(text, block, parent)
    assert buffer.hashes().tolist() == hash_text(text, block, parent).tolist()


@given(token_lists, token_lists, st.integers(1, 16))
def test_a_common_prefix_has_common_hashes_and_nothing_after_a_difference_has(
    one: list[int], other: list[int], block: int
) -> None:
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    left, right = hash_tokens(one, block).tolist(), hash_tokens(other, block).tolist()
    whole = same // block
    assert left[:whole] == right[:whole]
    assert not set(left[whole:]) & set(right[whole:])


@given(token_lists.filter(bool), parents, parents)
def test_different_parents_have_no_block_in_common(tokens: list[int], one: int, other: int) -> None:
    left, right = hash_tokens(tokens, 1, one).tolist(), hash_tokens(tokens, 1, other).tolist()
    assert (left == right) == (one == other)
    if one != other:
        assert not set(left) & set(right)


@given(token_lists, st.integers(1, 16))
def test_a_chain_may_be_continued_from_any_of_its_blocks(tokens: list[int], block: int) -> None:
    whole = hash_tokens(tokens, block).tolist()
    for i in range(1, len(whole)):
        assert hash_tokens(tokens[i * block :], block, whole[i - 1]).tolist() == whole[i:]


@given(token_lists, st.integers(1, 20))
def test_only_whole_blocks_are_hashed_and_no_hash_is_reserved(tokens: list[int], block: int) -> None:
    hashes = hash_tokens(tokens, block).tolist()
    assert len(hashes) == len(tokens) // block
    assert all(one >= RESERVED for one in hashes)


def test_the_order_of_tokens_within_a_block_matters() -> None:
    assert hash_tokens([1, 2], 2).tolist() != hash_tokens([2, 1], 2).tolist()


@pytest.mark.parametrize("shift", [0, 16, 32, 56])
def test_hashes_are_spread_over_the_bits_that_are_slots_and_buckets(shift: int) -> None:
    hashes = hash_tokens(np.arange(40_000), 1)
    counts = np.bincount((hashes >> np.uint64(shift) & np.uint64(255)).astype(np.int64), minlength=256)
    assert np.abs(counts - 40_000 / 256).max() < 80


def test_salts_part_models_adapters_and_tenants() -> None:
    salts = [
        salted("text", "m"),
        salted("text", "n"),
        salted("m"),
        salted(),
        salted("m", ""),
        salted("", "m"),
        salted(1),
    ]
    assert len(set(salts)) == len(salts)
    assert salted() == ROOT
    assert salted("1") != salted(1) != salted(b"1")


@pytest.mark.parametrize("kind", ["text", "tokens"])
def test_blocks_beyond_the_buffers_room_are_left_out(kind: str) -> None:
    buffer = BlockBuffer(most=4)
    n = buffer.text(b"x" * 200, 8) if kind == "text" else buffer.tokens(as_tokens(list(range(200))), 8)
    assert n == buffer.n == 4
    assert len(buffer.hashes()) == 4
