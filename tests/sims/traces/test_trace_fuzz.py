"""Whatever is done to a trace file, it is read or refused in one sentence: never another error, never nonsense."""

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.arrival import Arrival
from sims.traces.reading.format import TRACES
from sims.traces.reading.reader import read
from sims.traces.reading.row import MOST_TOKENS, BadTrace

SAMPLES = Path(__file__).parent / "samples"
FORMATS = TRACES.names()
Folders = pytest.TempPathFactory

ODD = [
    "", "nan", "NaN", "inf", "-inf", "-1", "0", "1e400", "1e9", "1000000000", "99999999999999999999", "١٢", "0x10",
    "1_0", "None", "null", "[]", "{}", '"', "a b", "\x00", "2023-13-45 99:99:99", "9999-12-31 23:59:59",
    "0001-01-01 00:00:00",
]  # fmt: skip
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e300,
    10**9,
    10**30,
    "",
    "x",
    "7",
    [],
    [1, 2],
    [None],
    {},
    {"a": 1},
    [[1]],
]


def sample(name: str) -> Path:
    (found,) = [*SAMPLES.glob(f"{name}.*"), *SAMPLES.glob(f"{name}_rates.csv")]
    return found


def attempt(name: str, content: bytes, folder: Path) -> list[Arrival]:
    """The arrivals of a file of that content, none where it was refused as it should be."""
    path = folder / "fuzzed_rates.csv"
    path.write_bytes(content)
    if name == "servegen":
        (folder / "fuzzed_lengths.jsonl").write_bytes((SAMPLES / "servegen_lengths.jsonl").read_bytes())
    try:
        options: dict[str, Any] = {"most": 5000} if name == "servegen" else {}
        found = list(read(path, name, **options))
    except BadTrace as refused:
        said = str(refused)
        assert said.startswith(str(path))
        assert "\n" not in said
        assert len(said) < 1200
        return []
    sensible(found)
    return found


def sensible(arrivals: list[Arrival]) -> None:
    assert all(a.at <= b.at for a, b in pairwise(arrivals))
    for a in arrivals:
        assert 0.0 <= a.at < float("inf")
        assert 1 <= a.prompt_tokens <= MOST_TOKENS
        assert 1 <= a.output_tokens <= MOST_TOKENS
        assert a.after_s is None or 0.0 <= a.after_s < float("inf")
        assert all(0 <= block < 1 << 63 for block in a.blocks)


@pytest.mark.parametrize("name", [name for name in FORMATS if sample(name).suffix == ".csv"])
@given(data=st.data())
def test_any_cell_of_a_table(name: str, data: st.DataObject, tmp_path_factory: Folders) -> None:
    lines = [line.split(",") for line in sample(name).read_text().splitlines()]
    row = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[row]) - 1))
    lines[row][column] = data.draw(st.sampled_from(ODD) | st.text(max_size=6))
    attempt(name, "\n".join(map(",".join, lines)).encode("utf-8", "surrogatepass"), tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", [name for name in FORMATS if sample(name).suffix == ".jsonl"])
@given(data=st.data())
def test_any_value_of_json_lines(name: str, data: st.DataObject, tmp_path_factory: Folders) -> None:
    rows = [json.loads(line) for line in sample(name).read_text().splitlines()]
    row = data.draw(st.sampled_from(rows))
    while True:
        key = data.draw(st.sampled_from(sorted(row)))
        if not isinstance(row[key], dict) or data.draw(st.booleans()):
            break
        row = row[key]
    if data.draw(st.integers(0, 9)):
        row[key] = data.draw(st.sampled_from(VALUES))
    else:
        del row[key]
    attempt(name, "\n".join(map(json.dumps, rows)).encode(), tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_any_byte(name: str, data: st.DataObject, tmp_path_factory: Folders) -> None:
    content = bytearray(sample(name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    attempt(name, bytes(content), tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_any_cut(name: str, data: st.DataObject, tmp_path_factory: Folders) -> None:
    content = sample(name).read_bytes()
    if data.draw(st.booleans()):
        content = gzip.compress(content, mtime=0)
    attempt(name, content[: data.draw(st.integers(0, len(content)))], tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_any_byte_of_a_gzip(name: str, data: st.DataObject, tmp_path_factory: Folders) -> None:
    content = bytearray(gzip.compress(sample(name).read_bytes(), mtime=0))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attempt(name, bytes(content), tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("name", FORMATS)
@given(content=st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_anything_at_all(name: str, content: bytes, tmp_path_factory: Folders) -> None:
    attempt(name, content, tmp_path_factory.mktemp("fuzz"))
