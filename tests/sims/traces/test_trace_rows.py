"""A row that cannot be used is refused in one sentence: file, row, remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sims.traces.reading.reader import detect, read
from sims.traces.reading.row import BadTrace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
GOOD = "2023-11-16 18:15:46.5,374,44\n"
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "t"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def refusal(path: Path, name: str = "", **options: Any) -> str:
    with pytest.raises(BadTrace) as caught:
        list(read(path, name, **options))
    return str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2023-11-16 18:15:47,-5,44", "row 3: ContextTokens is -5, a request has at least 1: drop the row"),
        ("2023-11-16 18:15:47,0,44", "row 3: ContextTokens is 0, a request has at least 1: drop the row"),
        ("2023-11-16 18:15:47,5,-1", "row 3: GeneratedTokens is -1, a request has at least 0: drop the row"),
        ("2023-11-16 18:15:47,,44", "row 3: ContextTokens is missing: fill it in or drop the row"),
        ("2023-11-16 18:15:47,5", "row 3: GeneratedTokens is missing: fill it in or drop the row"),
        ("2023-11-16 18:15:47,nan,44", "row 3: ContextTokens is 'nan', not a number: repair or drop the row"),
        ("2023-11-16 18:15:47,inf,44", "row 3: ContextTokens is 'inf', not a number: repair or drop the row"),
        ("2023-11-16 18:15:47,many,44", "row 3: ContextTokens is 'many', not a number: repair or drop the row"),
        ("2023-11-16 18:15:47,1.5,44", "row 3: ContextTokens is '1.5', not a whole number: repair or drop the row"),
        ("2023-11-16 18:15:47,1000000000,44", "over 16,777,216 tokens fit no model: check units and columns"),
        (
            "2023-11-16 18:15:46,5,44",
            "row 3: its time lies 0.5 s before the row above: sort the file by time, or have it sorted: --sort",
        ),
        ("yesterday,5,44", "row 3: TIMESTAMP is 'yesterday', not a date and time: write 2023-11-16 18:15:46.68"),
        ("2023-11-16 18:15:47,5,44,7", "row 3: has 4 cells under 3 columns: quote cells that hold commas"),
    ],
)
def test_a_bad_row_of_a_table(write: Write, row: str, said: str) -> None:
    assert refusal(write(AZURE + GOOD + row + "\n")).endswith(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('"input_length": NaN', "row 2: is not JSON"),
        ('"input_length": null', "row 2: input_length is missing: fill it in or drop the row"),
        ('"input_length": true', "row 2: input_length is True, not a number: repair or drop the row"),
        ('"input_length": [1]', "row 2: input_length is [1], not a number: repair or drop the row"),
        ('"input_length": 1e300', "over 16,777,216 tokens fit no model: check units and columns"),
        ('"hash_ids": 3', "row 2: hash_ids is 3, not a list of block numbers: repair or drop the row"),
        ('"hash_ids": [-3]', "row 2: hash_ids is [-3], not a list of block numbers: repair or drop the row"),
        ('"hash_ids": [1, 2]', "row 2: hash_ids has 2 blocks, 9 tokens have at most 1 of 512: repair or drop the row"),
        ('"timestamp": "soon"', "row 2: timestamp is 'soon', not a number: repair or drop the row"),
    ],
)
def test_a_bad_row_of_json_lines(write: Write, change: str, said: str) -> None:
    good = '{"timestamp": 0, "input_length": 9, "output_length": 1, "hash_ids": [0]}\n'
    assert said in refusal(write(good + good.replace("}", f", {change}}}")))


def test_a_line_that_is_no_object(write: Write) -> None:
    good = '{"timestamp": 0, "input_length": 9, "output_length": 1, "hash_ids": [0]}\n'
    assert refusal(write(f"{good}[1]\n"), "mooncake").endswith("row 2: is not an object: write one {...} a line")


@pytest.mark.parametrize("text", ["[1]\n", '[\n{"at": 0},\n{"at": 1}\n]\n'])
def test_a_json_array_is_named_as_what_it_is(write: Write, text: str) -> None:
    assert "row 1: is a JSON array: write one {...} a line" in refusal(write(text), "mooncake")


@pytest.mark.parametrize("last", ["1763000000000000000", "1e18"])
def test_times_in_other_units_are_told_from_years(write: Write, last: str) -> None:
    said = refusal(write(f"at,prompt_tokens,output_tokens\n0,1,1\n{last},1,1\n"), "generic")
    assert "no recording is as long" in said
    assert "time_unit_s=0.001 for milliseconds" in said


def test_a_wrong_format_name_gets_the_nearest(write: Write) -> None:
    said = refusal(write(AZURE + GOOD), "azur")
    assert "no trace format 'azur': did you mean 'azure'? known: azure, burstgpt, generic" in said


def test_another_formats_file_names_what_is_lacking(write: Write) -> None:
    said = refusal(write(AZURE + GOOD), "mooncake")
    assert "row 2: has no column 'timestamp' (it has TIMESTAMP, ContextTokens, GeneratedTokens)" in said


def test_columns_nobody_knows_list_the_formats(write: Write) -> None:
    with pytest.raises(BadTrace, match=r"no format has its columns \(a, b\): say which .* --field at=COLUMN"):
        detect(write("a,b\n1,2\n"))


def test_a_column_that_stands_twice(write: Write) -> None:
    assert refusal(write("a,a\n1,2\n"), "generic").endswith("row 1: a column stands twice: rename one")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_of_nothing(write: Write, content: bytes) -> None:
    assert refusal(write(content)).endswith("holds no rows: give a file with at least one request")


def test_another_encoding(write: Write) -> None:
    assert "is not UTF-8 text" in refusal(write(b"TIMESTAMP,caf\xe9\n"))


def test_a_cell_too_large(write: Write) -> None:
    assert "after row 2: is not CSV" in refusal(write(AZURE + GOOD + "x" * 200_000 + ",1,1\n"))


def test_a_damaged_gzip(write: Write) -> None:
    assert "the gzip is cut short or damaged" in refusal(write(b"\x1f\x8bnot gzip at all"))


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv").endswith("none.csv: no such file: check the path")


def test_a_folder(tmp_path: Path) -> None:
    assert "cannot be read: is a directory" in refusal(tmp_path)


def test_blank_lines_do_not_count_as_rows(write: Write) -> None:
    assert len(list(read(write("\n" + AZURE + "\n" + GOOD + "\n")))) == 1


def test_lmcache_text_that_is_no_text(write: Write) -> None:
    row = '{"session": "a", "turn": 0, "t_us": 1, "input": 5, "output": "x"}\n'
    assert refusal(write(row)).endswith("row 1: input is not text: repair or drop the row")
