"""Statuses as they are written: nothing that is empty, and what is refused is said once."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from pool.cluster.objects import Meta
from pool.cluster.troubles import Rejected
from pool.control.statuses import NOTHING, Counts, Statuses, status
from pool.discovery.declared import Verdict
from pool.discovery.places import Problem

VERDICT = Verdict(kind="Pool", meta=Meta(name="p"), valid=True)


def made(counts: Counts | None = None, unable: Problem | None = None) -> dict[str, Any]:
    return status(VERDICT, counts, [], 0, "2026-01-01T00:00:00Z", None, unable)


def conditions(told: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in told["conditions"]}


def test_a_pool_without_labels_has_no_selector_rather_than_an_empty_one() -> None:
    assert "selector" not in made(Counts(replicas=2))
    assert made(Counts(selector="app=vllm"))["selector"] == "app=vllm"


def test_whether_it_can_be_scaled_is_only_told_where_somebody_scales() -> None:
    assert "Scalable" not in conditions(made())
    assert conditions(made(unable=NOTHING))["Scalable"] == ("True", "Scalable")
    missing = Problem(reason="NoWorkload", words="there is no Deployment vlm")
    assert conditions(made(unable=missing))["Scalable"] == ("False", "NoWorkload")


def test_a_status_that_is_refused_again_and_again_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    said = ["no", "no", "not at all", ""]

    def patch(*words: Any) -> bytes:
        if trouble := said.pop(0):
            raise Rejected(trouble, 422)
        return b""

    now = [0.0]
    writer = Statuses(api=SimpleNamespace(namespace="n", patch=patch), clock=lambda: now[0])  # type: ignore[arg-type]
    caplog.set_level(logging.WARNING)
    for at in range(4):
        now[0] = 10.0 * at
        assert writer.write(VERDICT, made()) == (at == 3)
    assert [each.getMessage().rpartition(": ")[2] for each in caplog.records] == ["no", "not at all"]
