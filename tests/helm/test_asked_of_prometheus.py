"""Alerts and dashboards against what a router and a pool service show: each metric, each label, each refusal."""

import json
import re
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from policies.decision import Refusal
from pool.app import Pool
from pool.cluster.reflector import Course
from pool.discovery.places import Problem
from pool.hashing import plain_chain
from pool.settings import Settings
from router.counts import DemandCounts
from router.exposition import Exposition
from tests.helm.rendering import CHART
from tests.pool.fakes import described
from tests.pool.test_routed import told
from tests.router.test_router_counts import counted

METRIC = re.compile(r"\b(weir_[a-z_]+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:sum|max|min) by \(([^)]*)\) \((.*?weir_[a-z_]+)")
MATCHED = re.compile(r"([a-z_]+)(?:=~|!~|!=|=)")
SHOWN = re.compile(r"\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}")

Shown = dict[str, set[str]]


def alerts() -> list[dict[str, Any]]:
    found = yaml.safe_load((CHART / "alerts.yaml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def targets() -> list[dict[str, Any]]:
    pages = [json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))]
    return [target for page in pages for panel in page["panels"] for target in panel["targets"]]


QUERIES = [each["expr"] for each in (*alerts(), *targets())]


def asked(query: str) -> dict[str, set[str]]:
    """Each metric of a query, and the labels by which it is matched or grouped."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, matched in METRIC.findall(query):
        found[name] |= set(MATCHED.findall(matched))
    for labels, within in GROUPED.findall(query):
        found[METRIC.findall(within)[-1][0]] |= {each.strip() for each in labels.split(",")}
    return found


def labels_of(registry: CollectorRegistry) -> Shown:
    """Every sample's name, and the labels it has somewhere."""
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


def of_a_router() -> Shown:
    exposition, snapshot = Exposition(), counted().snapshot()
    snapshot.demand["chat\tmixed"] = DemandCounts(judged=3, late=1)
    exposition.told(0, snapshot)
    return labels_of(exposition.registry)


async def of_a_pool_service() -> Shown:
    async with Pool.opened(Settings(redis="redis://127.0.0.1:1"), plain_chain) as pool:
        pool.roster.enter(described())
        pool.routed.hear(told(arrived=1, m=1))
        pool.wanting.tell({"a": 2})
        pool.watching.seen.looked(0.1, "ok")
        watched = SimpleNamespace(reflector=SimpleNamespace(resource=SimpleNamespace(plural="pods"), course=Course()))
        problem = Problem(reason="NoPods", words="", about="a")
        pool.found.fleet = SimpleNamespace(problems=[problem], unable={}, leads=True, cluster=[watched])  # type: ignore[assignment]
        return labels_of(pool.metrics)


async def test_every_metric_that_is_asked_for_is_shown_with_the_labels_that_it_is_asked_by() -> None:
    shown = {**of_a_router(), **await of_a_pool_service()}
    missing = {
        (name, label or "no such metric")
        for query in QUERIES
        for name, labels in asked(query).items()
        for label in (labels if name in shown else {""})
        if name not in shown or label not in shown[name]
    }
    assert missing == set()
    assert len({name for query in QUERIES for name in asked(query)}) > 25


@pytest.mark.parametrize("found", [*alerts(), *targets()], ids=lambda found: found.get("alert") or found["expr"][:40])
def test_what_is_shown_of_a_series_is_a_label_that_it_is_grouped_by(found: dict[str, Any]) -> None:
    words = found.get("legendFormat") or found["annotations"]["summary"]
    grouped = {each.strip() for labels, _ in GROUPED.findall(found["expr"]) for each in labels.split(",")}
    assert set(SHOWN.findall(words)) - {"value"} <= grouped


def test_refusals_that_are_alerted_are_refusals_that_there_are() -> None:
    reasons = {
        each for query in QUERIES for found in re.findall(r'reason=~"([^"]*)"', query) for each in found.split("|")
    }
    assert reasons
    assert reasons <= {each.value for each in Refusal}


def test_a_fleet_that_every_pool_service_tells_is_not_counted_twice() -> None:
    for query in QUERIES:
        for name in (
            "weir_pool_replicas",
            "weir_pool_knowledge",
            "weir_pool_replicas_wanted",
            "weir_pool_held_requests",
        ):
            assert f"sum by (pool) ({name}" not in query
            assert not re.search(rf"sum by \([^)]*\) \({name}\b", query)


def test_what_burns_degrades_flaps_or_is_lost_is_alerted() -> None:
    names = {each["alert"] for each in alerts()}
    assert {"WeirDeadlinesBurnFast", "WeirKnowledgeDegraded", "WeirReplicaFlaps", "WeirRedisLost"} <= names
