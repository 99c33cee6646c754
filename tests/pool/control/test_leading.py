"""Who leads is shown, and a Lease that may not be written is named once."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from pool.cluster.troubles import Forbidden
from pool.control.leadership import Leadership
from pool.discovery.metrics import Found


def test_a_lease_that_may_not_be_read_is_said_once_and_nobody_leads(caplog: pytest.LogCaptureFixture) -> None:
    said = ["read: forbidden", "read: forbidden", "read: no API"]

    def typed(*words: Any) -> Any:
        raise Forbidden(said.pop(0), 403)

    api: Any = SimpleNamespace(client=object(), namespace="n", typed=typed)
    candidate = Leadership(api, "weir-pool", "me", clock=lambda: 0.0)
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        candidate.round()
        assert not candidate.leads()
    assert [each.getMessage() for each in caplog.records] == [
        "the Lease weir-pool: read: forbidden", "the Lease weir-pool: read: no API",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("leads", "shown"), [(True, "weir_pool_leads 1.0"), (False, "weir_pool_leads 0.0"), (None, "")]
)
def test_prometheus_is_told_who_leads_where_anybody_may(leads: bool | None, shown: str) -> None:
    found, registry = Found(), CollectorRegistry()
    found.fleet = SimpleNamespace(problems=[], unable={}, leads=leads, cluster=None)  # type: ignore[assignment]
    registry.register(found)
    text = generate_latest(registry).decode()
    assert shown in text
    assert ("weir_pool_leads" in text) == (leads is not None)
