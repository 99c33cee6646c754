"""Crews for tests: a roster, what watches over its replicas and what follows their events, with nobody counting."""

import asyncio
from typing import Any

from pool.crew import Crew
from pool.events import Following
from pool.keep import Keeper
from pool.kv_events import KV_SOURCES
from pool.registry.memory import MemoryRegistry
from pool.roster import Roster
from pool.watch import Watching

HELD_S = 10.0


class Seen:
    """Who would count looks at engines."""

    def looked(self, seconds: float, outcome: str) -> None:
        """Nobody counts."""


def crew(
    group: asyncio.TaskGroup,
    context: Any,
    known: Roster,
    registry: MemoryRegistry | None = None,
    *,
    interval_s: float = 60.0,
    keeps_roles: bool = False,
) -> Crew:
    """A crew over a roster, whose engines are looked at every so many seconds."""
    registry = registry or MemoryRegistry()
    keeper = Keeper(roster=known, registry=registry, lease_s=HELD_S, snapshot_interval_s=HELD_S)
    watching = Watching(roster=known, seen=Seen(), interval_s=interval_s)
    following = Following(roster=known, decode=KV_SOURCES["vllm"], context=context)
    return Crew(group, keeper, watching, following, keeps_roles=keeps_roles)
