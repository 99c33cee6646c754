"""SLO classes in a fleet file."""

from pathlib import Path

import pytest

from sims.sweep.trial import classes_of
from weir.fleetfile import read_fleet
from weir.strictyaml import BadFile

POOL = "pools:\n  - {name: p, gpu: h100-sxm, model: llama-3.1-8b, replicas: 1}\n"


def written(folder: Path, slo: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(f"slo:\n  ttft_s: 1.0\n  tpot_s: 0.05\n{slo}{POOL}")
    return path


def test_a_class_has_deadlines_of_its_own_or_the_fleets(tmp_path: Path) -> None:
    text = "  classes:\n    - {name: gold, ttft_s: 0.3, priority: 5}\n    - {name: batch, tpot_s: 1.0, priority: -5}\n"
    gold, batch = classes_of(read_fleet(written(tmp_path, text)))
    assert (gold.ttft_s, gold.tpot_s, gold.priority) == (0.3, 0.05, 5)
    assert (batch.ttft_s, batch.tpot_s, batch.priority) == (1.0, 1.0, -5)


def test_a_fleet_file_need_not_have_classes(tmp_path: Path) -> None:
    assert classes_of(read_fleet(written(tmp_path, ""))) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  classes:\n    - {name: gold}\n    - {name: gold}\n", "two SLO classes named 'gold'"),
        ("  classes:\n    - {name: gold, prio: 1}\n", "prio"),
        ("  classes:\n    - {name: gold, ttft_s: 0}\n", "ttft_s"),
    ],
)
def test_classes_that_make_no_sense_are_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        read_fleet(written(tmp_path, text))
