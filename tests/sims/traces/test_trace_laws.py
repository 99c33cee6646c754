"""What holds of every trace format: each has a sample file of its name in `samples`."""

import gzip
from dataclasses import fields
from itertools import islice, pairwise
from pathlib import Path

import pytest

from sims.arrival import Arrival
from sims.traces.reading.format import TRACES, Unordered, Whole
from sims.traces.reading.reader import detect, read
from sims.traces.reading.row import BadTrace
from sims.traces.reading.summary import describe

SAMPLES = Path(__file__).parent / "samples"
FORMATS = TRACES.names()
pytestmark = pytest.mark.parametrize("name", FORMATS)


def sample(name: str) -> Path:
    found = [*SAMPLES.glob(f"{name}.*"), *SAMPLES.glob(f"{name}_rates.csv")]
    assert found, f"put a few made-up rows of trace format {name} into {SAMPLES}"
    return found[0]


def arrivals(name: str) -> list[Arrival]:
    return list(read(sample(name), name))


def test_the_first_arrival_is_at_zero_and_times_never_fall(name: str) -> None:
    times = [arrival.at for arrival in arrivals(name)]
    assert times[0] == 0.0
    assert all(before <= after for before, after in pairwise(times))


def test_every_request_has_tokens(name: str) -> None:
    assert all(a.prompt_tokens >= 1 and a.output_tokens >= 1 for a in arrivals(name))


def test_no_turn_of_a_session_comes_twice(name: str) -> None:
    turns = [(a.session, a.turn) for a in arrivals(name) if a.session]
    assert len(set(turns)) == len(turns)


def test_turns_of_a_session_come_in_order(name: str) -> None:
    for session in {a.session for a in arrivals(name)} - {""}:
        turns = [a.turn for a in arrivals(name) if a.session == session]
        assert turns == sorted(turns)


def test_blocks_cover_the_prompt_and_no_more(name: str) -> None:
    for a in arrivals(name):
        assert not a.blocks or (len(a.blocks) - 1) * a.block_tokens < a.prompt_tokens <= len(a.blocks) * a.block_tokens


def test_only_a_later_turn_waits_for_the_one_before(name: str) -> None:
    assert all(a.after_s is None or (a.turn > 0 and a.after_s >= 0.0) for a in arrivals(name))


def test_reading_twice_gives_the_same(name: str) -> None:
    assert arrivals(name) == arrivals(name)


def copied(name: str, content: bytes, folder: Path, copy: str) -> Path:
    """A file of that content, with what lies beside the sample beside it."""
    beside = SAMPLES / f"{name}_lengths.jsonl"
    if not beside.exists():
        path = folder / copy
    else:
        path = folder / f"{copy}_rates.csv"
        (folder / f"{copy}_lengths.jsonl").write_bytes(beside.read_bytes())
    path.write_bytes(content)
    return path


def test_a_gzipped_file_reads_the_same(name: str, tmp_path: Path) -> None:
    packed = copied(name, gzip.compress(sample(name).read_bytes()), tmp_path, "packed")
    assert list(read(packed, name)) == arrivals(name)


def test_its_own_columns_give_it_away(name: str) -> None:
    if TRACES[name].columns:
        assert detect(sample(name)) == name


def test_it_can_be_described(name: str) -> None:
    summary = describe(arrivals(name))
    assert summary.count == len(arrivals(name))
    assert 0.0 <= summary.reuse_share < 1.0


def unordered(name: str) -> bool:
    return isinstance(TRACES[name](), Unordered)


def whole(name: str) -> bool:
    return isinstance(TRACES[name](), Whole)


def test_it_streams_unless_its_rows_have_no_order(name: str, tmp_path: Path) -> None:
    if unordered(name) or whole(name):
        return
    broken = tmp_path / "broken"
    broken.write_bytes(sample(name).read_bytes() + b"{not a row\n")
    assert list(islice(read(broken, name), 1)) == arrivals(name)[:1]


def test_an_unknown_option_lists_the_known(name: str) -> None:
    with pytest.raises(BadTrace, match="has no setting 'speling'"):
        read(sample(name), name, speling=1)


def test_its_options_have_defaults(name: str) -> None:
    assert len(fields(TRACES[name])) == len(fields(TRACES[name]()))  # type: ignore[arg-type]


def backwards(name: str, folder: Path) -> Path:
    """The sample with its rows in reverse."""
    lines = sample(name).read_text().splitlines()
    head = 1 if sample(name).suffix == ".csv" else 0
    turned = folder / "turned"
    turned.write_text("\n".join(lines[:head] + lines[head:][::-1]))
    return turned


def test_rows_out_of_order_are_refused_unless_they_never_have_one(name: str, tmp_path: Path) -> None:
    turned = backwards(name, tmp_path)
    if unordered(name):
        assert [a.at for a in read(turned, name)] == [a.at for a in arrivals(name)]
        return
    if whole(name):
        return
    with pytest.raises(BadTrace, match=r"turned, row \d+: its time lies .* before the row above: sort the file"):
        list(read(turned, name))


def test_rows_out_of_order_can_be_sorted(name: str, tmp_path: Path) -> None:
    if whole(name):
        return
    found = list(read(backwards(name, tmp_path), name, sort=True))
    assert [a.at for a in found] == [a.at for a in arrivals(name)]
    assert sorted(a.prompt_tokens for a in found) == sorted(a.prompt_tokens for a in arrivals(name))


def test_zero_rows_are_refused(name: str, tmp_path: Path) -> None:
    head = sample(name).read_text().splitlines()[0] + "\n" if sample(name).suffix == ".csv" else "\n"
    empty = copied(name, head.encode(), tmp_path, "empty")
    with pytest.raises(BadTrace, match=r"empty\S* holds no rows"):
        list(read(empty, name))


def test_a_truncated_gzip_is_refused(name: str, tmp_path: Path) -> None:
    cut = copied(name, gzip.compress(sample(name).read_bytes())[:-12], tmp_path, "cut.gz")
    with pytest.raises(BadTrace, match=r"cut\.gz\S*, .*: the gzip is cut short or damaged: fetch the file again"):
        list(read(cut, name))
