"""Reading what was measured: both kinds, units, and what is wrong with a row in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from sims.calibrate.measurements import Steady, read
from sims.calibrate.replayed import Asked
from sims.traces.reading.row import BadTrace

REQUESTS = "arrival,prompt,output,ttft,e2e\n"
SETTINGS = "isl,osl,concurrency,ttft_ms,tpot_ms\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "m.csv"
    path.write_text(text)
    return path


def test_a_row_a_request_gives_requests_by_arrival(tmp_path: Path) -> None:
    found = read(written(tmp_path, REQUESTS + "10,500,11,0.5,1.5\n12,600,21,0.5,2.5\n"))
    assert found.requests == (Asked(0.0, 500, 11), Asked(2.0, 600, 21))
    assert found.settings == ()
    assert found.tpot_s == pytest.approx([0.1, 0.1])


def test_a_row_a_setting_gives_settings_in_seconds(tmp_path: Path) -> None:
    found = read(written(tmp_path, SETTINGS + "1024,512,8,150,12.5\n"))
    assert found.settings == (Steady(clients=8.0, prompt=1024, output=512),)
    assert found.ttft_s == pytest.approx([0.15])
    assert found.tpot_s == pytest.approx([0.0125])


def test_engines_own_column_names_are_understood(tmp_path: Path) -> None:
    heading = "timestamp,input_toks,output_toks,ttft_s,itl_ms\n"
    found = read(written(tmp_path, heading + "0,100,10,0.2,25\n"))
    assert found.tpot_s == pytest.approx([0.025])


def test_a_single_token_has_no_tpot(tmp_path: Path) -> None:
    found = read(written(tmp_path, REQUESTS + "0,500,1,0.5,0.5\n"))
    assert np.isnan(found.tpot_s).all()


def test_requests_are_left_out_by_quarters_of_the_run(tmp_path: Path) -> None:
    rows = "".join(f"{k},10,2,0.1,0.2\n" for k in range(8))
    groups = read(written(tmp_path, REQUESTS + rows)).groups
    assert groups == tuple(f"quarter {q}" for q in (1, 1, 2, 2, 3, 3, 4, 4))


def test_settings_are_left_out_by_shape_and_by_load_where_there_is_one_shape(tmp_path: Path) -> None:
    two = read(written(tmp_path, SETTINGS + "1024,512,8,150,12\n2048,512,8,150,12\n"))
    assert two.groups == ("1024 in, 512 out", "2048 in, 512 out")
    one = read(written(tmp_path, SETTINGS + "1024,512,8,150,12\n1024,512,16,150,12\n"))
    assert one.groups == ("8 clients", "16 clients")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt,output\n1,2\n", "m.csv has the columns prompt, output: it needs"),
        ("", "m.csv has the columns none"),
        (REQUESTS, "m.csv has no rows"),
        (REQUESTS + "0,500,11,0.5,1.5\n-1,500,11,0.5,1.5\n", "row 3: arrives 1 s before the row above it: sort"),
        (REQUESTS + "0,-5,11,0.5,1.5\n", "row 2: prompt is -5: give tokens"),
        (REQUESTS + "0,1000000000,11,0.5,1.5\n", "prompt is 1e+09: give tokens"),
        (REQUESTS + "0,,11,0.5,1.5\n", "row 2: prompt is missing"),
        (REQUESTS + "0,many,11,0.5,1.5\n", "row 2: prompt is 'many', not a number"),
        (REQUESTS + "0,500,11,nan,1.5\n", "row 2: ttft is"),
        (REQUESTS + "0,500,11,0,1.5\n", "row 2: ttft is 0: give seconds"),
        (REQUESTS + "0,500,11,2.5,1.5\n", "check their units"),
        (SETTINGS + "1024,512,0,150,12\n", "row 2: concurrency is 0: give the clients at work"),
        (SETTINGS + "1024,512,8,150,-1\n", "row 2: tpot_ms is"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_file_row_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadTrace) as caught:
        read(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 100)
    with pytest.raises(BadTrace, match=r"m\.csv is not a CSV file"):
        read(path)
