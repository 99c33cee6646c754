"""The port that every way of finding replicas fills."""

from collections.abc import AsyncIterator
from typing import Protocol

from weir.v1 import fleet_pb2


class Discovery(Protocol):
    """A source of replicas."""

    def replicas(self) -> AsyncIterator[list[fleet_pb2.Replica]]:
        """Every replica there is, at once and again whenever that changes."""
