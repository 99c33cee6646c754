"""Replicas that discovery bars from work: told at once, watched on, ready again the moment they may be."""

import asyncio
from typing import Any

from pool.discovery.port import Sighting
from pool.watch import phase
from tests.pool.crews import crew
from tests.pool.fakes import FakeEngine, described, roster, until


async def test_who_is_barred_is_not_ready_and_keeps_what_is_known_of_it(context: Any) -> None:
    async with FakeEngine() as engine, asyncio.TaskGroup() as group:
        made = crew(group, context, roster())
        replica = described(address=engine.address)
        await made.sighted(Sighting(replicas=[replica]))
        entry = made._roster.get("a-0")
        assert entry is not None
        await until(lambda: entry.ready)
        await made.sighted(Sighting(replicas=[replica], barred={"a-0": "its pod is not ready"}))
        assert (entry.ready, entry.report(0.0).reason) == (False, "its pod is not ready")
        assert made._roster.get("a-0") is entry
        await made.sighted(Sighting(replicas=[replica]))
        assert entry.ready
        made.disband()


async def test_who_may_serve_again_and_was_not_well_is_asked_at_once(context: Any) -> None:
    async with FakeEngine() as engine, asyncio.TaskGroup() as group:
        engine.status = 503
        made = crew(group, context, roster(), interval_s=600.0)
        replica = described(address=engine.address)
        await made.sighted(Sighting(replicas=[replica], barred={"a-0": "its pod is not ready"}))
        entry = made._roster.get("a-0")
        assert entry is not None
        await until(lambda: entry.readiness.failed == 1)
        engine.status = 200
        await made.sighted(Sighting(replicas=[replica]))
        await until(lambda: entry.ready)
        made.disband()


async def test_another_process_of_the_same_name_begins_a_new_epoch(context: Any) -> None:
    async with FakeEngine() as engine, asyncio.TaskGroup() as group:
        made = crew(group, context, roster())
        replica = described(address=engine.address)
        await made.sighted(Sighting(replicas=[replica]))
        await made.sighted(Sighting(replicas=[replica], renewed=frozenset({"a-0"})))
        entry = made._roster.get("a-0")
        assert entry is not None
        assert entry.epoch == 2
        made.disband()


def test_many_that_came_together_are_asked_apart() -> None:
    phases = sorted(phase(f"vllm-{n:04d}") for n in range(1000))
    assert 0.0 <= phases[0] <= phases[-1] < 1.0
    most = max(sum(at <= each < at + 0.05 for each in phases) for at in (0.05 * k for k in range(20)))
    assert most < 100


def test_a_reason_that_stays_is_no_news() -> None:
    known = roster()
    entry = known.enter(described())
    assert known.bar(entry, "drained")
    assert not known.bar(entry, "drained")
    assert known.bar(entry, "")
