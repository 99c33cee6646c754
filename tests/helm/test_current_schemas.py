"""Every rendering against the schemas of a current Kubernetes: the API server that can be had here is older."""

from typing import Any

import pytest

from tests.helm.rendering import SETS, objects
from tests.helm.schemas import complaints, model

FOREIGN = {"LeaderWorkerSet", "ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize("name", SETS)
def test_a_current_kubernetes_knows_every_field_that_is_rendered(name: str) -> None:
    for found in objects(name):
        kind = model(found)
        if not kind:
            assert found["kind"] in FOREIGN
            continue
        assert list(complaints(found, kind, found["kind"])) == []


def test_the_api_versions_are_those_that_are_served_today() -> None:
    versions = {found["kind"]: found["apiVersion"] for name in SETS for found in objects(name)}
    assert versions["PodDisruptionBudget"] == "policy/v1"
    assert versions["HorizontalPodAutoscaler"] == "autoscaling/v2"
    assert versions["CustomResourceDefinition"] == "apiextensions.k8s.io/v1"
    assert versions["LeaderWorkerSet"] == "leaderworkerset.x-k8s.io/v1"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replica": 2}, "no such field"),
        ({"replicas": "2"}, "is no int"),
        ({"replicas": True}, "is no int"),
        ({"template": {"spec": {"containers": {"name": "a"}}}}, "no list"),
        ({"selector": {"matchLabels": ["a"]}}, "no map"),
        ({"strategy": "Recreate"}, "no V1DeploymentStrategy"),
        ({"template": {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": "80"}]}]}}}, "is no int"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(spec: dict[str, Any], words: str) -> None:
    found = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    (said,) = complaints(found, model(found), "Deployment")
    assert said.startswith("Deployment.spec.")
    assert words in said


def test_what_is_right_is_not_complained_of() -> None:
    container = {"name": "a", "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}, "ports": [{"containerPort": 80}]}
    found = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {"a": "b"}},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
    }  # fmt: skip
    assert list(complaints(found, model(found))) == []
