"""What `bench.silicon` does with groups that the shipped constants have and have not seen."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import silicon
from sims.calibrate.silicon.served import Predicted
from sims.calibrate.silicon.setting import BadMeasurement
from tests.sims.calibrate.silicon.test_physics import ONE, SPLIT
from tests.sims.calibrate.silicon.test_setting import AGG

UNSEEN = replace(ONE, told_model="llama-9-70b")


def test_a_group_is_in_the_same_fold_whatever_else_there_is() -> None:
    assert silicon.fold(ONE) == silicon.fold(replace(ONE, clients=3.0, told_model="other", gpus=8))
    folds = {silicon.fold(replace(ONE, isl=isl)) for isl in range(1, 100)}
    assert folds == set(range(silicon.FOLDS))


def test_a_measurement_listed_twice_counts_once() -> None:
    assert silicon.once([ONE, ONE, replace(ONE, told_model="alias"), SPLIT]) == [ONE, SPLIT]


def test_unseen_groups_are_predicted_by_the_shipped_constants_without_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("nothing is to be fitted")

    monkeypatch.setattr(silicon, "train", refuse)
    found, shipped = silicon.left_out([UNSEEN])
    assert shipped.all()
    assert 0.005 < found.tpot_s[0] < 0.03


def test_errors_are_medians_of_what_each_figure_is_about() -> None:
    settings = [replace(ONE, tpot_s=0.01, ttft_s=0.1), replace(SPLIT, tpot_s=0.02, ttft_s=0.1, known=False)]
    predicted = Predicted(tpot_s=np.array([0.011, 0.03]), ttft_s=np.array([0.12, 9.0]), below=np.array([True, False]))
    figures = silicon.compare(settings, predicted, np.array([False, True]))
    assert figures["tpot_error"] == pytest.approx(0.3)
    assert figures["tpot_error_aggregated"] == figures["tpot_error_workers_told"] == pytest.approx(0.1)
    assert figures["tpot_error_unseen_by_shipped"] == pytest.approx(0.5)
    assert figures["ttft_error_below_saturation"] == pytest.approx(0.2)
    assert figures["ttft_error_unseen_by_shipped"] is None
    assert figures["settings_below_saturation"] == figures["settings_workers_not_told"] == 1


def test_another_folder_of_the_same_layout_works_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "perf_silicon"
    folder.mkdir()
    rows = [
        AGG | {"isl": "3000", "concurrency": str(c), "silicon_ttft_ms": "300", "silicon_tpot_ms": "12"} for c in (4, 8)
    ]
    text = "".join(",".join(line) + "\n" for line in (list(AGG), *(list(row.values()) for row in rows)))
    (folder / "other.csv").write_text(text)
    monkeypatch.setattr(sys, "argv", ["silicon", "--data", str(tmp_path)])
    assert silicon.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found) == {"name", "figures", "target", "met", "seconds"}
    assert found["figures"]["groups"] == 1
    assert found["figures"]["settings"] == 2


def test_a_folder_without_measurements_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["silicon", "--data", str(tmp_path)])
    assert silicon.main() == 2
    assert "holds no measurements" in capsys.readouterr().err
    with pytest.raises(BadMeasurement):
        silicon.load(tmp_path)
