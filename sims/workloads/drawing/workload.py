"""What a workload is, and the registry of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from policies.registry import Registry, strict
from sims.arrival import Arrival


class Workload(Protocol):
    """Makes arrivals without end; a frozen dataclass whose fields are its settings."""

    def arrivals(self, seed: int) -> Iterator[Arrival]:
        """The same endless stream for the same seed, in the order of time."""


WORKLOADS: Registry[type[Workload]] = Registry("workload", "sims.workloads")
workload = WORKLOADS.register


def chosen(name: str, settings: Mapping[str, Any] | None = None) -> Workload:
    """The workload of that name with those settings; unknown names and keys are errors that list the known."""
    return strict(WORKLOADS[name], f"workload {name}", settings or {})
