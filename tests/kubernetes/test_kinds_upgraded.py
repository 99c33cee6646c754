"""Fleet, Pool and RoutePolicy come with the chart, change with it and outlive it: real helm, a real API server."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cluster.server import Cluster, cluster
from tests.helm.rendering import CHART, binary
from tests.kubernetes.clusters import ABSENT, real_is_here

POOLS = "crd/pools.weir.dev"
HEARD_S = 30.0  # an API server begins to serve a changed kind a moment later
KINDS = ("fleets.weir.dev", "pools.weir.dev", "routepolicies.weir.dev")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with helm and kubectl."""

    found: Cluster

    def tried(self, *words: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"KUBECONFIG": str(self.found.kubeconfig), "HOME": str(self.found.folder)}
        command = [binary(words[0]), *words[1:]]
        return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)

    def does(self, *words: str, given: str | None = None) -> str:
        done = self.tried(*words, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def installs(self, chart: Path = CHART, *more: str, namespace: str = "one") -> None:
        self.does("helm", "install", "weir", str(chart), "--namespace", namespace, "--create-namespace", *more)
        self.does("kubectl", "wait", POOLS, "--for=condition=Established", "--timeout=60s")

    def declares(self, name: str, **spec: object) -> dict[str, Any]:
        """Declare a Pool; what the API keeps of its spec."""
        said = {"gpu": "h100-sxm", "model": "llama-3.1-8b", "discover": {"pods": "app=vllm"}, **spec}
        pool = {"apiVersion": "weir.dev/v1alpha1", "kind": "Pool", "metadata": {"name": name}, "spec": said}
        apply = ("kubectl", "apply", "--validate=false", "--namespace", "one", "--filename", "-")
        self.does(*apply, given=json.dumps(pool))
        kept: dict[str, Any] = self.reads(f"pools.weir.dev/{name}")["spec"]
        return kept

    def reads(self, what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.does("kubectl", "get", what, "--namespace", "one", "--output", "json"))
        return found

    def columns(self) -> list[str]:
        """What the Pool's kind says is listed of one."""
        (version,) = self.reads(POOLS)["spec"]["versions"]
        return [each["name"] for each in version["additionalPrinterColumns"]]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API that knows none of the kinds."""
    if not real_is_here():
        pytest.skip(ABSENT)
    with cluster(tmp_path_factory.mktemp("bare")) as found:
        yield found


@pytest.fixture
def person(api: Cluster) -> Iterator[Person]:
    found = Person(found=api)
    yield found
    for namespace in ("one", "two"):
        found.tried("helm", "uninstall", "weir", "--namespace", namespace)
    found.does("kubectl", "delete", "crd", *KINDS, "--ignore-not-found")


def changed(folder: Path) -> Path:
    """The chart of a later day: a Pool may say one thing more, and is listed with it."""
    chart = folder / "later"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("__pycache__"))
    path = chart / "files" / "crds" / "pools.yaml"
    crd = yaml.safe_load(path.read_text())
    (version,) = crd["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["rack"] = {"type": "string"}
    version["additionalPrinterColumns"].append({"name": "Rack", "type": "string", "jsonPath": ".spec.rack"})
    path.write_text(yaml.safe_dump(crd))
    return chart


def test_an_upgrade_brings_a_changed_kind_a_rollback_takes_it_back_and_what_was_declared_stays(
    person: Person, tmp_path: Path
) -> None:
    person.installs()
    assert "rack" not in person.declares("before", rack="r7")
    person.does("helm", "upgrade", "weir", str(changed(tmp_path)), "--namespace", "one")
    assert person.columns()[-1] == "Rack"
    until = time.monotonic() + HEARD_S
    while "rack" not in person.declares("after", rack="r7"):
        assert time.monotonic() < until, "the API prunes what the kind has had since the upgrade"
    assert person.reads("pools.weir.dev/before")["spec"]["gpu"] == "h100-sxm"
    assert "RACK" in person.does("kubectl", "get", "pools.weir.dev", "--namespace", "one")
    person.does("helm", "rollback", "weir", "1", "--namespace", "one")
    assert "Rack" not in person.columns()
    assert person.reads("pools.weir.dev/after")["spec"]["gpu"] == "h100-sxm"


def test_what_was_declared_outlives_the_release_and_the_next_one_goes_on_with_it(person: Person) -> None:
    person.installs()
    person.declares("chat")
    person.does("helm", "uninstall", "weir", "--namespace", "one")
    assert person.reads("pools.weir.dev/chat")["spec"]["gpu"] == "h100-sxm"
    person.installs()
    assert person.reads("pools.weir.dev/chat")["spec"]["gpu"] == "h100-sxm"
    assert {each["metadata"]["name"] for each in person.reads("crd")["items"]} == set(KINDS)


def test_a_second_release_is_told_whose_the_kinds_are_and_may_do_without_its_own(person: Person) -> None:
    person.installs()
    again = ("helm", "install", "weir", str(CHART), "--namespace", "two", "--create-namespace")
    refused = person.tried(*again)
    assert refused.returncode != 0
    assert "weir.dev" in refused.stderr
    assert '"one"' in refused.stderr
    person.does(*again, "--set", "crds.install=false")
    assert person.reads(POOLS)["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == "one"
    person.does("helm", "uninstall", "weir", "--namespace", "two")
    person.reads(POOLS)
