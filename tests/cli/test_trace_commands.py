"""`weir trace describe | fit | convert`."""

import json
from pathlib import Path

import pytest

from sims.traces.reading.reader import read
from sims.workloads.drawing.saved import load
from tests.cli.weir_command import Weir

SAMPLES = Path(__file__).parents[1] / "sims" / "traces" / "samples"
AZURE, MOONCAKE, BURST = SAMPLES / "azure.csv", SAMPLES / "mooncake.jsonl", SAMPLES / "burstgpt.csv"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Two hundred requests in the generic columns, one a second."""
    path = tmp_path / "mine.csv"
    rows = [f"{i},{100 + i},{10 + i % 7}" for i in range(200)]
    path.write_text("at,prompt_tokens,output_tokens\n" + "\n".join(rows))
    return path


def test_rows_that_are_no_requests_are_told(weir: Weir) -> None:
    said = weir("trace", "describe", BURST, "--json", "-")
    assert json.loads(said.stdout)["left_out"] == 2
    assert "2 rows that are no requests" in weir("trace", "describe", BURST).stdout


def test_a_format_takes_options(weir: Weir, trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    said = weir("trace", "convert", trace, "-o", out, "--format", "generic", "--field", "time_unit_s=0.5")
    assert said.exit_code == 0, said.stderr
    assert [a.at for a in read(out)][:3] == [0.0, 0.5, 1.0]


def test_a_converted_trace_reads_back_the_same(weir: Weir, tmp_path: Path) -> None:
    out = tmp_path / "out.csv.gz"
    assert "6 arrivals written to" in weir("trace", "convert", MOONCAKE, "--out", out).stdout.replace("\n", " ")
    assert list(read(out)) == list(read(MOONCAKE))


def test_a_window_is_cut(weir: Weir, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    weir("trace", "convert", MOONCAKE, "-o", out, "--from", "1", "--to", "7")
    assert [a.at for a in read(out)] == pytest.approx([2 * 2.999 / 3 - 1, 1.999, 5.0])


def test_traces_are_spliced(weir: Weir, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    weir("trace", "convert", AZURE, MOONCAKE, "-o", out)
    assert [a.at for a in read(out)][:4] == [0.0, 0.25, 5.0, 5.0]


@pytest.mark.parametrize("rate", ["3", "x3", "×3"])
def test_traffic_is_multiplied(weir: Weir, tmp_path: Path, rate: str) -> None:
    out = tmp_path / "out.jsonl"
    weir("trace", "convert", AZURE, "-o", out, "--rate", rate)
    assert len(list(read(out))) == 9
    weir("trace", "convert", AZURE, "-o", out, "--rate", rate, "--how", "compress")
    assert [a.at for a in read(out)] == pytest.approx([0.0, 0.25 / 3, 5.0 / 3])


def test_unsorted_rows_are_sorted_when_asked(weir: Weir, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head, *rows = AZURE.read_text().splitlines()
    path.write_text("\n".join([head, *rows[::-1]]))
    assert weir("trace", "describe", path).exit_code == 2
    assert weir("trace", "describe", path, "--sort").exit_code == 0


def test_a_fit_is_written_and_set_beside_the_trace(weir: Weir, trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit.toml"
    said = weir("trace", "fit", trace, "--format", "generic", "--workload", "cdf", "-o", out)
    assert said.exit_code == 0, said.stderr
    assert "cdf fitted to mine.csv" in said.stdout
    stream = load(out).columns(1, count=2000)
    assert stream.rate_rps == pytest.approx(1.0, rel=0.05)
    assert 100 <= stream.prompt_tokens.min() <= stream.prompt_tokens.max() <= 299


def test_a_fit_without_a_file_is_toml_on_stdout(weir: Weir, trace: Path, tmp_path: Path) -> None:
    said = weir("trace", "fit", trace, "--format", "generic", "--workload", "azure_conversation")
    path = tmp_path / "fit.toml"
    path.write_text(said.stdout)
    assert load(path).columns(1, count=5).prompt_tokens.min() >= 100


WRONG = {
    ("describe", AZURE, "--format", "azur"): "no trace format 'azur': did you mean 'azure'?",
    ("describe", AZURE, "--field", "speed"): "--field 'speed' is no name=value",
    ("describe", AZURE, "--set", "speed=3"): "has no setting 'speed'",
    ("describe", MOONCAKE, "--field", "spread=maybe"): "--field 'spread=maybe' must be true or false",
    ("describe", AZURE, "--rate", "fast"): "--rate 'fast' is no multiple of the trace's own",
    ("describe", AZURE, "--rate", "0"): "--rate '0' is no multiple",
    ("describe", AZURE, "--rate", "3", "--how", "clone"): "--how 'clone' is none of grow, compress",
    ("describe", AZURE, "--from", "7", "--to", "3"): "a window from 7 to 3 s holds nothing",
    ("describe", AZURE, "--from", "900"): "azure.csv has no arrivals in that window",
    ("fit", AZURE, "--workload", "cdff"): "no workload 'cdff': did you mean 'cdf'?",
    ("fit", AZURE, "--workload", "shared_prefix"): "azure.csv: the trace tells of no blocks",
    ("fit", AZURE, "--workload", "cdf", "-o", "nowhere/fit.toml"): "no such file or directory",
    ("convert", AZURE, "-o", "trace.txt"): "trace.txt: name it *.jsonl or *.csv",
    ("convert", AZURE, "-o", "nowhere/trace.csv"): "no such file or directory",
    ("convert", "nowhere.csv", "-o", "trace.csv"): "nowhere.csv: no such file",
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.items(), ids=[" ".join(map(str, a[2:])) for a in WRONG])
def test_what_is_wrong_is_one_sentence(
    weir: Weir, arguments: tuple[object, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = weir("trace", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.startswith("weir trace: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2023-11-16 18:15:52,-5,4", "row 5: ContextTokens is -5"),
        ("2023-11-16 18:15:52,,4", "row 5: ContextTokens is missing"),
        ("2023-11-16 18:15:52,nan,4", "row 5: ContextTokens is 'nan', not a number"),
        ("2023-11-16 18:15:52,1000000000,4", "row 5: ContextTokens is 1000000000, over 16,777,216 tokens fit no model"),
        ("2023-11-16 18:00:00,5,4", "row 5: its time lies"),
    ],
)
def test_a_bad_row_stops_a_conversion_and_nothing_is_written(weir: Weir, row: str, said: str, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "out.jsonl"
    path.write_text(AZURE.read_text().rstrip() + "\n" + row + "\n")
    result = weir("trace", "convert", path, "-o", out)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == [path]
