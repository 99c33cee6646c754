"""What is sent: files spliced, cut, sorted and mapped; workloads by name and from files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.door import WrongUse
from cli.sent import Sent
from policies.registry import BadSetting, UnknownName
from sims.arrivals import Arrivals
from sims.sweep.traffic import Generated
from sims.traces.reading.row import BadTrace
from tests.cli.simulated_files import trace_file


def arrivals(trace: object, **more: Any) -> Arrivals:
    """What the first seed sends."""
    return Sent(trace=str(trace), **more).traffic()[1]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return trace_file(tmp_path)


def test_a_trace_is_read_as_it_stands(trace: Path) -> None:
    found = arrivals(trace)
    assert (len(found), found.span_s) == (40, 19.5)


def test_a_window_is_cut_and_counted_from_its_start(trace: Path) -> None:
    found = arrivals(trace, start_s=5.0, end_s=10.0)
    assert len(found) == 10
    assert found.at[0] == 0.0


def test_files_between_commas_follow_one_another(trace: Path) -> None:
    found = arrivals(f"{trace},{trace}")
    assert len(found) == 80
    assert found.at[40] == found.at[39], "the second begins where the first ended"
    assert np.all(np.diff(found.at) >= 0.0)
    assert found.prompt_tokens[:40].tolist() == found.prompt_tokens[40:].tolist()


def test_spliced_files_are_called_by_all_their_names(trace: Path) -> None:
    assert Sent(trace=f"{trace},{trace}").traffic()[0].name == "trace.csv + trace.csv"


def test_a_file_whose_name_has_a_comma_is_one_file(trace: Path) -> None:
    odd = trace.rename(trace.with_name("a,b.csv"))
    assert len(arrivals(odd)) == 40


def test_the_first_missing_file_of_several_is_named(trace: Path) -> None:
    with pytest.raises(BadTrace, match=r"none\.csv"):
        arrivals(f"{trace},{trace.with_name('none.csv')}")


def test_files_whose_blocks_differ_in_size_are_one_sentence(tmp_path: Path) -> None:
    for size in (16, 512):
        row = {"at": 0, "prompt_tokens": 600, "output_tokens": 2, "session": "", "turn": 0, "model": "",
               "after_s": None, "block_tokens": size, "blocks": [1], "text": None}  # fmt: skip
        (tmp_path / f"{size}.jsonl").write_text(json.dumps(row) + "\n")
    files = ",".join(str(tmp_path / f"{size}.jsonl") for size in (16, 512))
    with pytest.raises(WrongUse, match=r"blocks of \[16, 512\] tokens in one trace"):
        arrivals(files, format_name="weir_arrivals")


def test_rows_out_of_order_are_an_error_unless_they_are_to_be_sorted(trace: Path) -> None:
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text("".join([lines[0], *reversed(lines[1:])]))
    with pytest.raises(BadTrace, match=r"row 3: its time lies 0\.5 s before the row above"):
        arrivals(trace)
    assert np.all(np.diff(arrivals(trace, sort=True).at) >= 0.0)


def test_columns_of_another_name_are_mapped(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("when,n_in,n_out\n0,100,10\n1500,200,20\n")
    mapped = ["at=when", "prompt_tokens=n_in", "output_tokens=n_out", "time_unit_s=0.001"]
    found = arrivals(path, format_name="generic", fields=mapped)
    assert found.at.tolist() == [0.0, 1.5]
    assert found.prompt_tokens.tolist() == [100, 200]


def test_an_option_that_the_format_does_not_have_is_told(trace: Path) -> None:
    with pytest.raises((BadTrace, BadSetting), match="colour"):
        arrivals(trace, fields=["colour=blue"])
    with pytest.raises(WrongUse, match="is no name=value"):
        arrivals(trace, fields=["colour"])


def test_a_workload_draws_as_many_as_asked_or_until_then() -> None:
    assert len(arrivals("workload:azure_conversation", requests=25)) == 25
    assert arrivals("workload:azure_conversation", end_s=20.0).at[-1] < 20.0


def test_a_workload_of_a_file_is_read_once_and_drawn_from_what_it_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('workload = "shared_prefix"\n\n[settings]\n')
    traffic, first = Sent(trace=f"workload:{path}", requests=30).traffic()
    assert traffic.name == f"workload:{path}"
    path.unlink()
    assert traffic.drawn(0).at.tolist() == first.at.tolist()


def test_two_files_of_one_workload_are_told_apart_by_their_settings(tmp_path: Path) -> None:
    found = []
    for groups in (4, 8):
        path = tmp_path / "mine.toml"
        path.write_text(f'workload = "shared_prefix"\n\n[settings]\ngroups = {groups}\n')
        found.append(repr(Generated.of(str(path), 10)))
    assert found[0] != found[1], "a sweep that resumes must not take one's runs for the other's"


def test_what_is_wrong_with_a_workload_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no workload"):
        arrivals("workload:nothing")
    with pytest.raises(BadTrace, match=r"none\.toml"):
        arrivals(f"workload:{tmp_path / 'none.toml'}")
    with pytest.raises(WrongUse, match="give --to alone"):
        arrivals("workload:azure_conversation", start_s=5.0)
    with pytest.raises(WrongUse, match="not one request comes before --to"):
        arrivals("workload:azure_conversation", end_s=1e-9)


@pytest.mark.parametrize("text", ["x3", "×3"])
def test_a_rate_is_a_multiple_with_either_cross(text: str) -> None:
    assert Sent(trace="t", rate=text).speed.requests_a_second(2.0) == 6.0


def test_a_rate_without_a_cross_is_requests_a_second() -> None:
    assert Sent(trace="t", rate="12.5").speed.requests_a_second(2.0) == 12.5


def test_several_seeds_draw_a_recorded_trace_again(trace: Path) -> None:
    again, _ = Sent(trace=str(trace)).traffic(again=True)
    assert again.drawn(1).prompt_tokens.tolist() != again.drawn(2).prompt_tokens.tolist()
    once, first = Sent(trace=str(trace)).traffic()
    assert once.drawn(5) is first
