"""What `weir plan --helm` writes is installed as it is: the chart takes it, makes the engines and finds them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sims.plan.deploy import fleet_of, helm_yaml
from tests.helm.rendering import CHART, helm
from tests.sims.plan.test_plan_outcome import REQUEST, planned
from weir.chart import Values
from weir.fleetfile import FleetFile

PLANS = {
    "alike": planned(),
    "by length": planned(policy="length_split", settings=(("threshold", 900.0), ("slack", 0.0000001))),
}


@pytest.fixture(params=PLANS)
def plan(request: pytest.FixtureRequest) -> Any:
    return PLANS[request.param]


def installed(text: str, folder: Path) -> list[dict[str, Any]]:
    path = folder / "values.yaml"
    path.write_text(text)
    rendered = helm("template", "weir", str(CHART), "--values", str(path))
    return [each for each in yaml.safe_load_all(rendered) if each]


def of(found: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (one,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return one


def test_the_values_are_the_charts(plan: Any) -> None:
    Values.model_validate(yaml.safe_load(helm_yaml(plan, REQUEST)))


def test_every_pool_is_made_in_its_size_and_loads_weights_that_there_are(plan: Any, tmp_path: Path) -> None:
    found = installed(helm_yaml(plan, REQUEST), tmp_path)
    for pool in fleet_of(plan, REQUEST).pools:
        engines = of(found, "Deployment", f"weir-{pool.name}")
        assert engines["spec"]["replicas"] == pool.replicas
        container = engines["spec"]["template"]["spec"]["containers"][0]
        assert container["args"][0] == "meta-llama/Llama-3.1-8B-Instruct"
        assert container["resources"]["limits"]["nvidia.com/gpu"] == str(pool.gpus_per_replica)


def test_the_fleet_that_is_served_is_the_fleet_that_was_planned(plan: Any, tmp_path: Path) -> None:
    found = installed(helm_yaml(plan, REQUEST), tmp_path)
    fleet = FleetFile.model_validate(yaml.safe_load(of(found, "ConfigMap", "weir-fleet")["data"]["fleet.yaml"]))
    wanted = fleet_of(plan, REQUEST)
    assert [(each.name, each.gpu, each.engine) for each in fleet.pools] == [
        (each.name, each.gpu, each.engine) for each in wanted.pools
    ]
    assert fleet.slo == wanted.slo
    args = of(found, "Deployment", "weir-router")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--policy={plan.policy}" in args
    given = dict(each.removeprefix("--set=").split("=") for each in args if each.startswith("--set="))
    assert {key: float(value) for key, value in given.items()} == dict(plan.settings)
