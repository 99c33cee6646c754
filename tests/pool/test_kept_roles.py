"""A role that a pool gave outlasts that pool, where the next one switches roles too and finds the same process."""

import asyncio
from typing import Any

import pytest

from pool.discovery.port import Sighting
from pool.registry.memory import MemoryRegistry
from pool.registry.port import Member
from tests.pool.crews import HELD_S, crew
from tests.pool.fakes import FakeEngine, described, roster
from weir.v1 import fleet_pb2


def of_role(role: str, address: str) -> fleet_pb2.Replica:
    made = described(address=address)
    made.role = role
    return made


async def role_after(context: Any, found: fleet_pb2.Replica, told: fleet_pb2.Replica, *, keeps_roles: bool) -> str:
    """The role of a replica that the fleet's file tells, when the registry has it as it was found."""
    registry, known = MemoryRegistry(), roster()
    await registry.renew([Member(described=found, report=fleet_pb2.ReplicaReport(name=found.name))], HELD_S)
    async with asyncio.TaskGroup() as group:
        made = crew(group, context, known, registry, keeps_roles=keeps_roles)
        await made.sighted(Sighting(replicas=[told]))
        entry = known.get(told.name)
        assert entry is not None
        role = entry.described.role
        made.disband()
    return role


@pytest.mark.parametrize(("keeps_roles", "role"), [(True, "decode"), (False, "mixed")])
async def test_the_role_found_goes_on_only_where_roles_are_switched(context: Any, keeps_roles: bool, role: str) -> None:
    async with FakeEngine() as engine:
        found, told = of_role("decode", engine.address), of_role("mixed", engine.address)
        assert await role_after(context, found, told, keeps_roles=keeps_roles) == role


async def test_another_process_of_the_same_name_begins_as_the_file_says(context: Any) -> None:
    async with FakeEngine() as engine:
        found, told = of_role("decode", "127.0.0.1:9"), of_role("mixed", engine.address)
        assert await role_after(context, found, told, keeps_roles=True) == "mixed"


async def test_an_edit_of_the_file_does_not_undo_a_role_that_was_found(context: Any) -> None:
    async with FakeEngine() as engine:
        registry, known = MemoryRegistry(), roster()
        found = Member(described=of_role("prefill", engine.address), report=fleet_pb2.ReplicaReport(name="a-0"))
        await registry.renew([found], HELD_S)
        async with asyncio.TaskGroup() as group:
            made = crew(group, context, known, registry, keeps_roles=True)
            told = of_role("mixed", engine.address)
            await made.sighted(Sighting(replicas=[told]))
            edited = of_role("mixed", engine.address)
            edited.context_limit = 777
            await made.sighted(Sighting(replicas=[edited]))
            entry = known.get("a-0")
            assert entry is not None
            assert (entry.described.role, entry.described.context_limit) == ("prefill", 777)
            made.disband()
