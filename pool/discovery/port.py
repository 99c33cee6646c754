"""The port that every way of finding replicas fills."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from weir.v1 import fleet_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """All replicas there are at one time."""

    replicas: list[fleet_pb2.Replica]
    barred: Mapping[str, str] = field(default_factory=dict)  # by name: who may not be sent work, and why
    directions: fleet_pb2.Directions = field(default_factory=fleet_pb2.Directions)  # what routers are to do with them
    renewed: frozenset[str] = frozenset()  # names that another process bears since the last sighting


class Discovery(Protocol):
    """A source of replicas."""

    def sightings(self) -> AsyncIterator[Sighting]:
        """Every replica there is, at once and again whenever that changes."""
