"""Every set of values at the real API: what it would apply, the API takes."""

import os
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.helm.rendering import CHART, HERE, SETS, binary
from tests.kubernetes.clusters import World


def run(world: World, *words: str, given: str | None = None) -> str:
    environment = os.environ | {"KUBECONFIG": str(world.kubeconfig)}
    done = subprocess.run([*words], input=given, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", SETS)
def test_the_api_takes_all_that_the_chart_would_apply(world: World, name: str) -> None:
    if world.real is None:
        pytest.skip("it is the real API that is asked")
    values = str(HERE / "values" / f"{name}.yaml")
    rendered = run(
        world, binary("helm"), "template", "weir", str(CHART), "--namespace", world.namespace, "-f", values,
        "--set", "crds.install=false", "--dry-run=server",
    )  # fmt: skip  # the kinds are there, and no release's
    objects: list[dict[str, Any]] = [each for each in yaml.safe_load_all(rendered) if each]
    for each in objects:
        place = each["metadata"].get("namespace")
        if place and place != world.namespace:
            each["metadata"]["namespace"] = world.namespace  # the others are not made here
    said = run(
        world, binary("kubectl"), "apply", "--server-side", "--dry-run=server", "--namespace", world.namespace,
        "--filename", "-", given=yaml.safe_dump_all(objects),
    )  # fmt: skip
    assert len(re.findall("serverside-applied", said)) == len(objects)
    assert len(objects) > 8
