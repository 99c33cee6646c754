"""ServeGen's windows read as a trace: counts come back, bad files are refused."""

import gzip
import json
from pathlib import Path

import pytest

from sims.traces.reading.reader import detect, read, read_columns
from sims.traces.reading.row import BadTrace

SAMPLES = Path(__file__).parent / "samples"
RATES, LENGTHS = SAMPLES / "servegen_rates.csv", SAMPLES / "servegen_lengths.jsonl"


def folder(tmp_path: Path, rates: str = "", lengths: str = "") -> Path:
    """A copy of the sample with other lines at its end, as another category."""
    (tmp_path / "mine_rates.csv.gz").write_bytes(gzip.compress((RATES.read_text() + rates).encode()))
    (tmp_path / "mine_lengths.jsonl.gz").write_bytes(gzip.compress((LENGTHS.read_text() + lengths).encode()))
    return tmp_path / "mine_rates.csv.gz"


def test_every_window_sends_as_many_requests_as_were_counted() -> None:
    arrivals = list(read(RATES))
    assert len(arrivals) == 30 + 12 + 18 + 60 + 6
    assert arrivals[0].at == 0.0


def test_another_folder_of_that_layout_reads_the_same(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert detect(path) == "servegen"
    assert list(read(path)) == list(read(RATES))


def test_another_seed_draws_other_requests_of_the_same_count() -> None:
    assert list(read(RATES, seed=2)) != list(read(RATES))
    assert len(list(read(RATES, seed=2))) == len(list(read(RATES)))


def test_a_period_and_a_rate_can_be_chosen() -> None:
    assert len(list(read(RATES, from_s=1200.0))) == 66
    assert len(list(read(RATES, span_s=600.0))) == 42
    assert len(list(read(RATES, rate_rps=0.7))) == pytest.approx(0.7 * 1800, abs=3)


def test_lengths_are_those_of_the_client_at_that_time() -> None:
    second = read(RATES, from_s=600.0, span_s=600.0)
    assert {(a.prompt_tokens, a.output_tokens) for a in second} == {(1000, 7)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3,0,nan,1,Gamma,1,1\n", "row 7: rate_rps is 'nan', not a number"),
        ("3,0,-1,1,Gamma,1,1\n", "row 7: rate_rps -1, cv 1, p1 1: none may be negative"),
        ("3,0,1,1,Gamma,0,1\n", "row 7: rate_rps 1, cv 1, p1 0: none may be negative, p1 above 0"),
        ("3,0,1,1,Pareto,1,1\n", "row 7: dist is 'Pareto': write Gamma, Weibull or Exponential"),
        ("-3,0,1,1,Gamma,1,1\n", "row 7: client -3, t_s 0: number clients from 0"),
    ],
)
def test_a_bad_window_is_refused_with_its_row(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(BadTrace, match=said):
        list(read(folder(tmp_path, rates=line)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input_tokens": 7}, "row 4: input_tokens is not a list of quantiles"),
        ({"input_tokens": [5, 4, 3, 2, 1]}, "row 4: input_tokens does not rise from 0"),
        (
            {"input_tokens": [1, 2, 3, 4, 10**9]},
            "row 4: .* does not rise from 0 or more to at most 16,777,216",
        ),
        ({"input_tokens": [1, 2]}, "row 4: has other quantiles than the row before it"),
    ],
)
def test_bad_quantiles_are_refused_with_their_row(tmp_path: Path, change: dict[str, object], said: str) -> None:
    row = {"client": 2, "t_s": 0, "input_tokens": [1, 1, 1, 1, 1], "output_tokens": [1, 1, 1, 1, 1]} | change
    with pytest.raises(BadTrace, match=said):
        list(read(folder(tmp_path, lengths=json.dumps(row) + "\n")))


def test_columns_are_the_same_requests_as_rows() -> None:
    columns = read_columns(RATES, rate_rps=5.0)
    found = [(a.at, a.prompt_tokens, a.output_tokens) for a in read(RATES, rate_rps=5.0)]
    assert [(a.at, a.prompt_tokens, a.output_tokens) for a in columns] == found
    assert len(read_columns(SAMPLES / "mooncake.jsonl")) == 6


def test_a_pass_that_would_take_an_hour_is_refused_with_a_way_out() -> None:
    with pytest.raises(
        BadTrace, match="asks for 1,800,000,000 requests, more than 30,000,000: draw fewer with the opt"
    ):
        next(iter(read(RATES, rate_rps=1e6)))
    assert len(list(read(RATES, rate_rps=10.0, most=20_000))) == pytest.approx(18_000, abs=5)


def test_a_rate_so_low_that_nothing_comes_is_refused() -> None:
    with pytest.raises(BadTrace, match="its windows are empty: ask for more"):
        list(read(RATES, rate_rps=1e-9))


def test_rates_without_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "alone_rates.csv"
    path.write_text(RATES.read_text())
    with pytest.raises(BadTrace, match=r"no \*_lengths.jsonl.gz of that name lies beside it"):
        list(read(path))


def test_a_period_beyond_the_windows_is_refused() -> None:
    with pytest.raises(BadTrace, match="no window from 9000 s on asks for anything: the windows begin at 0 to 1200 s"):
        list(read(RATES, from_s=9000.0))
