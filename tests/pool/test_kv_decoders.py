"""Every KV event decoder: recorded frames decode, and nothing makes it raise."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.kv_events import KV_SOURCES, Batch, Cleared, Removed, Stored
from tests.pool.fakes import CLEARED, payload, removed, stored

decoders = pytest.mark.parametrize("decode", list(KV_SOURCES), ids=KV_SOURCES.names())
TOP = (1 << 64) - 1


@decoders
def test_a_frame_of_0_32_decodes(decode) -> None:  # type: ignore[no-untyped-def]
    lora: dict[str, Any] = {"lora_id": 1, "lora_name": "ad1", "extra_keys": [["ad1"]], "medium": "CPU", "group_idx": 2}
    batch = decode(payload(stored([TOP], 7), stored([8], **lora), removed([TOP]), CLEARED, at=9.5))
    keyed = Stored([8], None, [0, 1, 2, 3], 4, "host", "ad1", [["ad1"]], 2)
    plain = Stored([TOP], 7, [0, 1, 2, 3], 4, "hbm", "", [None], 0)
    assert batch == Batch(9.5, (plain, keyed, Removed([TOP]), Cleared()))


@decoders
@pytest.mark.parametrize("fields", [5, 6, 7])
def test_the_tagged_arrays_of_older_versions_decode(decode, fields: int) -> None:  # type: ignore[no-untyped-def]
    event = ["BlockStored", [1], None, [0, 1, 2, 3], 4, None, "GPU", "ad1"][: fields + 1]
    adapter = "ad1" if fields == 7 else ""
    batch = decode(payload(event, ["BlockRemoved", [1]], ["BlockRemoved", [2], "CPU"], ["AllBlocksCleared"]))
    expected = (Stored([1], None, [0, 1, 2, 3], 4, "hbm", adapter), Removed([1]), Removed([2], "host"), Cleared())
    assert batch == Batch(1.0, expected)


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
