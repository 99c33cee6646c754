"""Columns of arrivals: gathered, joined, cut to full blocks, told as rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.arrivals import NONE, PER_ARRIVAL, Arrivals
from sims.traces.reading.columns import cumulated, first, full, joined, lengths, ranges, renumbered, rows
from sims.traces.reading.format import TRACES
from sims.traces.reading.gathering import gathered
from sims.traces.reading.reader import read, read_columns

SAMPLES = Path(__file__).parent / "samples"


def same(a: Arrivals, b: Arrivals) -> None:
    for name in (*PER_ARRIVAL, "blocks", "ends"):
        assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=name in ("at", "after_s")), name
    assert (a.models, a.block_tokens) == (b.models, b.block_tokens)


@st.composite
def streams(draw: st.DrawFn) -> list[Arrival]:
    """Arrivals with blocks of 16 tokens, sessions and models, or without."""
    found, turns = [], {"": 0, "a": 0, "b": 0}
    for at in sorted(draw(st.lists(st.floats(0.0, 100.0), max_size=12))):
        prompt, session = draw(st.integers(1, 70)), draw(st.sampled_from(list(turns)))
        start = draw(st.sampled_from([0, 100, 5_000_000_000]))
        blocks = tuple(range(start, start + -(-prompt // 16))) if draw(st.booleans()) else ()
        turn, turns[session] = (turns[session], turns[session] + 1) if session else (0, 0)
        found.append(
            Arrival(
                at=at,
                prompt_tokens=prompt,
                output_tokens=draw(st.integers(1, 9)),
                session=session,
                turn=turn,
                model=draw(st.sampled_from(["", "m", "n"])),
                blocks=blocks,
                block_tokens=16 if blocks else 0,
                after_s=draw(st.none() | st.floats(0.0, 5.0)) if turn else None,
            )
        )
    return found


@given(streams())
def test_gathering_gives_what_holding_all_rows_gives(stream: list[Arrival]) -> None:
    same(gathered(stream), Arrivals.of(stream))


@given(streams())
def test_rows_of_columns_are_the_rows_but_for_names_and_partial_blocks(stream: list[Arrival]) -> None:
    for row, told in zip(stream, rows(gathered(stream)), strict=True):
        whole = row.prompt_tokens // 16
        assert len(told.blocks) == (whole if row.blocks else 0)
        plain = replace(told, blocks=(), block_tokens=0, session="")
        assert plain == replace(row, blocks=(), block_tokens=0, session="")
        assert bool(told.session) == bool(row.session)


@pytest.mark.parametrize("name", TRACES.names())
def test_every_format_reads_into_columns(name: str) -> None:
    (sample,) = [*SAMPLES.glob(f"{name}.*"), *SAMPLES.glob(f"{name}_rates.csv")]
    same(read_columns(sample, name), Arrivals.of(list(read(sample, name))))


def test_two_sizes_of_block_do_not_go_together() -> None:
    small = Arrival(at=0.0, prompt_tokens=16, output_tokens=1, blocks=(1,), block_tokens=16)
    with pytest.raises(BadSetting, match="blocks of 16 and of 64 tokens in one trace"):
        gathered([small, replace(small, block_tokens=64)])


def piece(start: float, count: int, first_block: int) -> Arrivals:
    return Arrivals(
        at=start + np.arange(count, dtype=np.float64),
        prompt_tokens=np.full(count, 40, np.int32),
        output_tokens=np.ones(count, np.int32),
        session=np.full(count, NONE, np.int32),
        after_s=np.full(count, np.nan),
        model=np.full(count, NONE, np.int32),
        blocks=(first_block + np.arange(3 * count)).astype(np.int32),
        ends=np.arange(0, 3 * count + 1, 3, dtype=np.int64),
        block_tokens=16,
    )


def test_pieces_are_joined_end_to_end() -> None:
    whole = joined([piece(0.0, 2, 0), piece(5.0, 3, 6)])
    assert whole.at.tolist() == [0.0, 1.0, 5.0, 6.0, 7.0]
    assert whole.ends.tolist() == [0, 3, 6, 9, 12, 15]
    assert whole.blocks.tolist() == list(range(15))


def test_a_partial_block_is_cut_and_the_rest_numbered_anew() -> None:
    cut = full(piece(0.0, 2, 30))
    assert cut.blocks.tolist() == [0, 1, 2, 3]
    assert cut.ends.tolist() == [0, 2, 4]


def test_the_first_keep_their_blocks_numbers() -> None:
    assert first(piece(0.0, 3, 30), 1).blocks.tolist() == [30, 31, 32]
    assert len(first(piece(0.0, 3, 30), 9)) == 3


def test_what_is_not_known_takes_no_memory_until_it_is_joined() -> None:
    plain = lengths(np.arange(5.0), np.ones(5, np.int64), np.ones(5, np.int64))
    assert plain.session.strides == (0,)
    whole = joined([plain])
    assert whole.session.strides == (4,)
    assert whole.session.flags.writeable
    assert set(whole.session.tolist()) == {NONE}


@given(st.lists(st.integers(0, 10**12), max_size=30) | st.lists(st.integers(0, 40), max_size=60))
def test_renumbering_keeps_the_order_and_leaves_no_gap(ids: list[int]) -> None:
    found = renumbered(np.array(ids, np.int64)).tolist()
    order = {block: place for place, block in enumerate(sorted(set(ids)))}
    assert found == [order[block] for block in ids]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=20))
def test_ranges_lie_end_to_end(pairs: list[tuple[int, int]]) -> None:
    starts, counts = np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64)
    assert ranges(starts, counts).tolist() == [start + i for start, count in pairs for i in range(count)]
    assert cumulated(counts)[-1] == counts.sum()
