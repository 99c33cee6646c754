"""Whether a fleet file names live engines, and what is done about their roles."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from cli.door import WrongUse

if TYPE_CHECKING:
    from weir.fleetfile import FleetFile


Roles = Literal["fixed", "told", "switched"]
"""Of replicas: as the fleet file says; what a switch would be is told; switched as traffic changes."""


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


def chosen_roles(name: str) -> Roles:
    """The way of that name; raises `WrongUse`."""
    for way in get_args(Roles):
        if way == name:
            return way  # type: ignore[no-any-return]
    raise WrongUse(f"--roles {name}: there is no such way; known: {', '.join(get_args(Roles))}")
