"""The served-latency model as it is shipped, and its text file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sims.calibrate.silicon import sheet
from sims.calibrate.silicon.served import TPOT_LEVELS, TTFT_LEVELS, Predicted, Served, predict, train
from sims.calibrate.silicon.setting import Setting
from tests.sims.calibrate.silicon.test_physics import ONE, SPLIT


@pytest.fixture(scope="module")
def shipped() -> Served:
    return sheet.read()[0]


def predicted(served: Served, *settings: Setting) -> Predicted:
    return predict(served, settings)


def test_the_shipped_constants_fit_the_levels(shipped: Served) -> None:
    parts = {"tpot": 9, "ttft": 6}
    for name, levels, fit in (("tpot", TPOT_LEVELS, shipped.tpot), ("ttft", TTFT_LEVELS, shipped.ttft)):
        for level in levels:
            width = (parts[name] if level.spread else 0) + len(level.slopes)
            assert {len(values) for values in fit.effects[level.name].values()} <= {width}


def test_the_sheet_holds_constants_and_group_names_only() -> None:
    text = sheet.SHEET.read_text()
    assert "Apache-2.0" in text
    assert "silicon_ttft_ms" not in text
    assert len(text) < 120_000


def test_predictions_are_plausible_for_a_known_deployment(shipped: Served) -> None:
    found = predicted(shipped, ONE)
    assert 0.005 < found.tpot_s[0] < 0.03
    assert 0.03 < found.ttft_s[0] < 1.0


@pytest.mark.parametrize("system", ["h100-sxm", "b200", "gb300"])
def test_more_clients_are_served_more_slowly(shipped: Served, system: str) -> None:
    found = predicted(shipped, *(replace(ONE, system=system, clients=c) for c in (4.0, 16.0, 64.0)))
    assert (np.diff(found.tpot_s) > 0).all()


def test_an_engine_nobody_measured_is_predicted_all_the_same(shipped: Served) -> None:
    found = predicted(shipped, replace(ONE, backend="abacus", version="1"))
    assert 0.002 < found.tpot_s[0] < 0.1


def test_saturation_is_seen_by_memory_by_prompts_and_by_untold_workers(shipped: Served) -> None:
    crowd = replace(ONE, clients=50_000.0)
    untold = replace(SPLIT, known=False)
    prompts = replace(ONE, isl=8192, osl=64, clients=128.0)
    found = predicted(shipped, ONE, crowd, untold, prompts)
    assert found.below.tolist() == [True, False, False, False]


def test_constants_survive_being_written(tmp_path: Path) -> None:
    settings = [
        replace(ONE, clients=c, isl=i, tpot_s=0.01 + 1e-4 * c, ttft_s=0.05 + 1e-5 * i)
        for c in (1.0, 8.0, 64.0)
        for i in (512, 1024, 4096)
    ]
    served = train(settings)
    sheet.write(served, {"a|b"}, tmp_path / "fitted.toml")
    back, groups = sheet.read(tmp_path / "fitted.toml")
    assert groups == {"a|b"}
    assert predict(back, settings).tpot_s == pytest.approx(predict(served, settings).tpot_s, rel=0.05)


def test_training_follows_what_was_measured() -> None:
    settings = [replace(ONE, clients=c, tpot_s=0.02 + 2e-4 * c) for c in (1.0, 4.0, 16.0, 64.0)] * 5
    settings = [replace(one, isl=1024 + k) for k, one in enumerate(settings)]
    found = predict(train(settings), settings)
    assert found.tpot_s == pytest.approx([one.tpot_s for one in settings], rel=0.1)
