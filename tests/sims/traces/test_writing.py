"""What is written reads back the same; what goes wrong leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.registry import BadSetting
from sims.arrival import Arrival
from sims.traces.reading.format import TRACES
from sims.traces.reading.reader import detect, read
from sims.traces.reading.row import BadTrace
from sims.traces.reading.transforms import window
from sims.traces.reading.writing import SUFFIXES, replacing, write

SAMPLES = Path(__file__).parent / "samples"
HEAD = "at,prompt_tokens,output_tokens,session,turn,model,after_s,block_tokens,blocks,text\n"
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    """Any arrivals there may be, in the order of time."""
    found = []
    for at in sorted(draw(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=6))):
        prompt, size = draw(st.integers(1, 200)), draw(st.sampled_from([0, 16, 64]))
        count = -(-prompt // (size or 1))
        ids = st.lists(st.integers(0, (1 << 63) - 1), min_size=count, max_size=count)
        found.append(
            Arrival(
                at=at,
                prompt_tokens=prompt,
                output_tokens=draw(st.integers(1, 99)),
                session=draw(words),
                turn=draw(st.integers(0, 9)),
                model=draw(words),
                blocks=tuple(draw(ids)) if size else (),
                block_tokens=size,
                after_s=draw(st.none() | st.floats(0.0, 100.0)),
                text=draw(words) or None,
            )
        )
    return found


@given(arrivals(), st.sampled_from(SUFFIXES))
def test_any_arrivals_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Arrival], suffix: str
) -> None:
    path = tmp_path_factory.mktemp("written") / f"trace{suffix}"
    assert write(rows, path) == len(rows)
    assert detect(path) == "weir_arrivals"
    assert list(read(path)) == rows
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", TRACES.names())
@pytest.mark.parametrize("suffix", [".csv", ".jsonl.gz"])
def test_every_format_converts_and_reads_back(name: str, suffix: str, tmp_path: Path) -> None:
    (sample,) = [*SAMPLES.glob(f"{name}.*"), *SAMPLES.glob(f"{name}_rates.csv")]
    path = tmp_path / f"converted{suffix}"
    write(read(sample, name), path)
    assert list(read(path)) == list(read(sample, name))


def test_a_cut_trace_keeps_the_time_before_its_first_arrival(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    cut = list(window(read(SAMPLES / "weir_arrivals.csv"), 0.25))
    write(cut, path)
    assert list(read(path)) == cut
    assert cut[0].at == 0.25


def test_the_same_arrivals_give_the_same_bytes(tmp_path: Path) -> None:
    rows = list(read(SAMPLES / "mooncake.jsonl"))
    for name in ("a.csv.gz", "b.csv.gz"):
        write(rows, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def breaking() -> Iterator[Arrival]:
    yield from read(SAMPLES / "mooncake.jsonl")
    raise BadTrace("here, row 9: is broken: repair it")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_left_half_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"trace{suffix}"
    with pytest.raises(BadTrace, match="row 9"):
        write(breaking(), path)
    assert list(tmp_path.iterdir()) == []


def test_what_stood_there_stays_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("before")
    with pytest.raises(BadTrace):
        write(breaking(), path)
    assert path.read_text() == "before"
    with replacing(path) as file:
        file.write(b"after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"trace\.txt: name it \*\.jsonl or \*\.csv"):
        write([], tmp_path / "trace.txt")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("-1,5,5,,0,,,0,,", "at is -1, before the trace begins"),
        ("0,5,5,,-1,,,0,,", "turn is -1"),
        ("0,5,0,,0,,,0,,", "output_tokens is 0"),
        ("0,5,5,s,1,,-2,0,,", "after_s is -2"),
        ("0,5,5,,0,,,16,x,", "blocks is .*, not a list of block numbers"),
        ("0,5,5,,0,,,16,1 2,", "blocks has 2 blocks, 5 tokens have at most 1 of 16"),
    ],
)
def test_a_bad_row_is_refused(row: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEAD + row + "\n")
    with pytest.raises(BadTrace, match=rf"bad\.csv, row 2: {said}"):
        list(read(path))
