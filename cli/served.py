"""Whether a fleet file names live engines."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weir.fleetfile import FleetFile


class NotServed(ValueError):
    """A pool that nobody serves yet."""


def refuse_discovered(path: Path, fleet: "FleetFile") -> None:
    """Raise `NotServed` for a pool whose replicas only a pool service can find."""
    for pool in fleet.pools:
        if pool.discover is not None:
            raise NotServed(
                f"{path}: pool {pool.name} is found by `discover`, which a pool service does: "
                f"run `weir pool --fleet {path}` and give the router its address with --pool"
            )


def refuse_without_addresses(path: Path, fleet: "FleetFile") -> None:
    """Raise `NotServed` for a pool that is to be emulated."""
    for pool in fleet.pools:
        if not pool.addresses and pool.discover is None:
            raise NotServed(
                f"{path}: pool {pool.name} gives no addresses of live engines: `weir up {path}` emulates it"
            )
