"""The SLO class of a request, from the formats that have one to the columns that are simulated."""

from dataclasses import replace
from pathlib import Path

import pytest

from sims.arrival import Arrival
from sims.arrivals import NONE, Arrivals
from sims.traces.reading.columns import first, joined, rows
from sims.traces.reading.reader import read
from sims.traces.reading.row import BadTrace
from sims.traces.reading.writing import write

NAMES = ["gold", "", "free", "gold"]
ROWS = [Arrival(at=float(i), prompt_tokens=10, output_tokens=5, slo=name) for i, name in enumerate(NAMES)]


def test_classes_are_numbered_as_they_come() -> None:
    arrivals = Arrivals.of(ROWS)
    assert arrivals.slos == ("gold", "free")
    assert arrivals.slo.tolist() == [0, NONE, 1, 0]
    assert [row.slo for row in arrivals] == ["gold", "", "free", "gold"]


def test_where_no_class_is_named_there_is_none() -> None:
    arrivals = Arrivals.of([replace(row, slo="") for row in ROWS])
    assert (arrivals.slos, arrivals.slo.tolist()) == ((), [NONE] * 4)


def test_arrivals_keep_their_class_when_some_are_chosen_cut_or_joined() -> None:
    arrivals = Arrivals.of(ROWS)
    assert [row.slo for row in arrivals.chosen(arrivals.at > 0.5)] == ["", "free", "gold"]
    assert [row.slo for row in first(arrivals, 3)] == ["gold", "", "free"]
    assert [row.slo for row in rows(joined([arrivals, arrivals]))] == ["gold", "", "free", "gold"] * 2


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".csv.gz"])
def test_what_is_written_is_read_again_class_and_all(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"trace{suffix}"
    write(ROWS, path)
    assert [row.slo for row in read(path)] == ["gold", "", "free", "gold"]


def test_any_column_may_be_the_class(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("at,prompt_tokens,output_tokens,tier\n0,10,5,gold\n1,10,5,\n")
    assert [row.slo for row in read(path, "generic", slo="tier")] == ["gold", ""]
    with pytest.raises(BadTrace, match="class"):
        list(read(path, "generic", slo="class"))
