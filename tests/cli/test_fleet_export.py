"""`weir fleet export`, there and back."""

from pathlib import Path

import pytest
import yaml

from tests.cli.weir_command import Weir
from weir.fleetfile import read_fleet

FLEET = """\
slo: {ttft_s: 1.0, classes: [{name: gold, ttft_s: 0.3, priority: 5}]}
route: {policy: two_choices}
rewrites: [{model: alias, targets: [{model: m, weight: 9}]}]
objectives: [{name: low, priority: -3}]
pools: [{name: p, gpu: h100-sxm, model: llama-3.1-8b, discover: {inference_pool: chat}}]
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def test_a_fleet_goes_to_resources_and_back(weir: Weir, fleet: Path, tmp_path: Path) -> None:
    there = weir("fleet", "export", str(fleet), "--name", "f", "--namespace", "ns")
    assert there.exit_code == 0
    found = list(yaml.safe_load_all(there.stdout))
    assert [each["kind"] for each in found] == [
        "Fleet", "RoutePolicy", "Pool", "InferenceModelRewrite", "InferenceObjective",
    ]  # fmt: skip
    assert found[0]["spec"]["policy"] == "f"
    assert found[3]["spec"]["poolRef"] == {"group": "inference.networking.k8s.io", "name": "chat"}
    (tmp_path / "resources.yaml").write_text(there.stdout)
    back = weir("fleet", "export", str(tmp_path / "resources.yaml"), "--to", "file")
    (tmp_path / "again.yaml").write_text(back.stdout)
    assert read_fleet(tmp_path / "again.yaml") == read_fleet(fleet)


def test_what_no_resource_has_is_said(weir: Weir, fleet: Path) -> None:
    fleet.write_text(FLEET + "select: {rules: rules.yaml}\n")
    found = weir("fleet", "export", str(fleet))
    assert found.exit_code == 0
    assert "`select` is no resource" in found.stderr


def test_a_route_that_is_none_is_refused_with_its_line(weir: Weir, fleet: Path) -> None:
    fleet.write_text(FLEET.replace("two_choices", "two_choice"))
    found = weir("fleet", "export", str(fleet))
    assert found.exit_code == 2
    assert "fleet.yaml:2" in found.stderr
    assert "did you mean 'two_choices'?" in found.stderr
