"""Whether a fleet file names live engines."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weir.fleetfile import FleetFile


class NotServed(ValueError):
    """A pool that nobody serves yet."""


def refuse_without_addresses(path: Path, fleet: "FleetFile") -> None:
    """Raise `NotServed` for a pool that is to be emulated."""
    for pool in fleet.pools:
        if pool.discover is not None:
            raise NotServed(f"{path}: pool {pool.name}: replicas are not found by `discover` yet: give `addresses`")
        if not pool.addresses:
            raise NotServed(
                f"{path}: pool {pool.name} gives no addresses of live engines: `weir up {path}` emulates it"
            )
