"""Every KV event decoder: recorded frames decode, and nothing makes it raise."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.kv_events import KV_SOURCES, Batch, Cleared, Removed, Stored
from pool.kv_sources import sglang, vllm
from tests.pool.fakes import CLEARED, payload, removed, stored

decoders = pytest.mark.parametrize("decode", list(KV_SOURCES), ids=KV_SOURCES.names())
TOP = (1 << 64) - 1


def of(decode, stored: Stored) -> Stored:  # type: ignore[no-untyped-def]
    """What SGLang's decoder says of the same event: a page, keyed by its parent."""
    if decode is not sglang.decode:
        return stored
    keys = None if stored.parent is not None or not stored.adapter else [[stored.adapter]]
    return stored._replace(paged=True, keys=keys, group=0, whole=None)


@decoders
def test_a_frame_of_0_32_decodes(decode) -> None:  # type: ignore[no-untyped-def]
    lora: dict[str, Any] = {"lora_id": 1, "lora_name": "ad1", "extra_keys": [["ad1"]], "medium": "CPU", "group_idx": 2}
    batch = decode(payload(stored([TOP], 7), stored([8], **lora), removed([TOP]), CLEARED, at=9.5))
    keyed = of(decode, Stored([8], None, [0, 1, 2, 3], 4, "host", "ad1", [["ad1"]], 2, whole=True))
    plain = of(decode, Stored([TOP], 7, [0, 1, 2, 3], 4, "hbm", "", [None], 0, whole=True))
    assert batch == Batch(9.5, (plain, keyed, Removed([TOP]), Cleared()))


@decoders
@pytest.mark.parametrize("fields", [5, 6, 7])
def test_the_tagged_arrays_of_older_versions_decode(decode, fields: int) -> None:  # type: ignore[no-untyped-def]
    event = ["BlockStored", [1], None, [0, 1, 2, 3], 4, None, "GPU", "ad1"][: fields + 1]
    adapter = "ad1" if fields == 7 else ""
    batch = decode(payload(event, ["BlockRemoved", [1]], ["BlockRemoved", [2], "CPU"], ["AllBlocksCleared"]))
    first = of(decode, Stored([1], None, [0, 1, 2, 3], 4, "hbm", adapter))
    assert batch == Batch(1.0, (first, Removed([1]), Removed([2], "host"), Cleared()))


@decoders
def test_a_batch_names_the_rank_that_said_it(decode) -> None:  # type: ignore[no-untyped-def]
    assert decode(msgspec.msgpack.encode([2.0, [removed([1])], 3])).rank == 3
    assert decode(msgspec.msgpack.encode([2.0, [["BlockRemoved", [1]]], 3])).rank == 3
    assert decode(msgspec.msgpack.encode([2.0, [removed([1])]])).rank == 0
    assert decode(msgspec.msgpack.encode({"ts": 2.0, "events": [], "attn_dp_rank": 2})).rank == 2


@decoders
@pytest.mark.parametrize(
    ("medium", "locality", "tier"),
    [
        ("GPU", None, "hbm"),
        (None, None, "hbm"),
        ("CPU", "LOCAL", "host"),
        ("STORAGE", None, "disk"),
        ("STORAGE", "LOCAL", "disk"),
        ("STORAGE", "REMOTE", "remote"),
        ("CPU", "REMOTE", "remote"),
        ("a new one", None, "remote"),
    ],
)
def test_a_medium_is_a_tier(decode, medium: str | None, locality: str | None, tier: str) -> None:  # type: ignore[no-untyped-def]
    batch = decode(payload(stored([1], medium=medium, locality=locality, ownership="fs", session_id="s")))
    assert (batch.events[0].tier, batch.malformed) == (tier, 0)


def first(payload_: bytes, decode=vllm.decode) -> Stored:  # type: ignore[no-untyped-def]
    """The only event of a payload, which must be a stored one."""
    (found,) = decode(payload_).events
    assert isinstance(found, Stored)
    return found


@pytest.mark.parametrize("kind", ["full_attention", "mla_attention", "sink_full_attention", "unknown"])
def test_a_group_that_attends_to_everything_holds_prefixes(kind: str) -> None:
    assert first(payload(stored([1], kv_cache_spec_kind=kind))).whole
    assert first(payload(stored([1], kv_cache_spec_kind=None))).whole is None


@pytest.mark.parametrize("kind", ["sliding_window", "sliding_window_mla", "mamba", "chunked_local_attention", "new"])
def test_a_group_that_keeps_a_window_or_a_state_does_not(kind: str) -> None:
    assert first(payload(stored([1], kv_cache_spec_kind=kind, kv_cache_spec_sliding_window=128))).whole is False


SGLANG: list[Any] = ["BlockStored", [-5, 6], None, [1, 2, 3, 4], 2, None, "GPU", *[None] * 7]


def test_an_array_of_sglang_with_all_its_slots_decodes() -> None:
    stored_ = Stored([(1 << 64) - 5, 6], None, [1, 2, 3, 4], 2, paged=True)
    removed_ = ["BlockRemoved", [-5], "CPU", None, None, None, None, None]
    batch = sglang.decode(payload(SGLANG, removed_, ["AllBlocksCleared", None]))
    assert batch == Batch(1.0, (stored_, Removed([(1 << 64) - 5], "host"), Cleared()))


@pytest.mark.parametrize(
    "salted",
    [
        {8: [["dynamo-cache-salt:tenant"]]},
        {8: [["dynamo-cache-salt:tenant"]], 14: {"cache_salt": "tenant"}},
        {14: {"cache_salt": "tenant"}},
        {7: {"cache_salt": "tenant"}},
        {15: "tenant"},
    ],
)
def test_a_salt_of_sglang_is_the_first_blocks_key_wherever_it_stands(salted: dict[int, Any]) -> None:
    event = [salted.get(slot, each) for slot, each in enumerate([*SGLANG, None, None])]
    found = first(payload(event), sglang.decode)
    assert (found.keys, found.adapter) == ([["tenant"]], "")
    event[2] = 77
    assert first(payload(event), sglang.decode).keys is None


def test_bigrams_of_eagle_are_their_first_tokens() -> None:
    event = [*SGLANG]
    event[3] = [[1, 2], [2, 3], [3, 4], [4, 5]]
    assert first(payload(event), sglang.decode).tokens == [1, 2, 3, 4]
    event[3] = [[1, 2, 3]]
    assert sglang.decode(payload(event)).malformed == 1


@decoders
def test_a_batch_may_be_a_map_and_end_early(decode) -> None:  # type: ignore[no-untyped-def]
    expected = Batch(2.0, (Removed([1]),))
    assert decode(msgspec.msgpack.encode({"ts": 2.0, "events": [removed([1])]})) == expected
    assert decode(msgspec.msgpack.encode([2.0, [removed([1])]])) == expected


@decoders
def test_fields_and_kinds_of_later_versions_are_let_be(decode) -> None:  # type: ignore[no-untyped-def]
    batch = decode(payload(stored([1], locality="near"), {"type": "BlockMoved", "to": 3}, ["BlockMoved", 3]))
    assert (len(batch.events), batch.ignored, batch.malformed) == (1, 2, 0)


@decoders
def test_bytes_and_signed_hashes_are_the_same_64_bits(decode) -> None:  # type: ignore[no-untyped-def]
    whole = bytes(24) + TOP.to_bytes(8, "big")
    batch = decode(payload(["BlockRemoved", [whole, -1, 5]]))
    assert batch.events == (Removed([TOP, TOP, 5]),)


@decoders
def test_a_bad_event_costs_only_itself(decode) -> None:  # type: ignore[no-untyped-def]
    batch = decode(payload(stored([1]), {"type": "BlockRemoved", "block_hashes": "x"}, 5, removed([1])))
    assert (len(batch.events), batch.malformed) == (2, 2)


@decoders
@given(data=st.binary(max_size=400))
def test_random_bytes_never_crash_it(decode, data: bytes) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(decode(data), Batch)


anything: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), TOP)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["type", "block_hashes", "token_ids", "medium"]), inner, max_size=4)
    ),
    max_leaves=12,
)
kinds = st.sampled_from(["BlockStored", "BlockRemoved", "AllBlocksCleared"])


@decoders
@given(events=st.lists(st.tuples(kinds, anything, anything, anything, anything) | anything, max_size=4))
def test_any_msgpack_never_crashes_it(decode, events: list[Any]) -> None:  # type: ignore[no-untyped-def]
    batch = decode(payload(*events))
    assert len(batch.events) + batch.ignored + batch.malformed == len(events)


@decoders
def test_nesting_without_end_never_crashes_it(decode) -> None:  # type: ignore[no-untyped-def]
    assert decode(b"\x91" * 100_000).malformed == 1
