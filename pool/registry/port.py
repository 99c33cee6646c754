"""The port that both registries fill, and its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pool.holdings import TierBlocks
from weir.v1 import fleet_pb2


class Unreachable(ConnectionError):
    """The registry does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A replica that holds a lease."""

    described: fleet_pb2.Replica  # its epoch included
    report: fleet_pb2.ReplicaReport
    started: float = 0.0  # when its process started, seconds since 1970; 0 when it does not say
    ranks: int = 1  # data-parallel ranks, each with a snapshot of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one rank's cache held when frame `sequence` of its events had been taken in."""

    epoch: int
    sequence: int
    at: float  # the engine's clock at that frame: tells this process's frame from another's of the same number
    block_tokens: int
    started: float
    tiers: Mapping[str, TierBlocks]


class Registry(Protocol):
    """Every method may raise `Unreachable`."""

    async def renew(self, members: Sequence[Member], lease_s: float) -> None:
        """Enter replicas, or keep them entered, for so long."""

    async def leave(self, name: str) -> None:
        """Take a replica out, and its snapshot with it."""

    async def members(self) -> dict[str, Member]:
        """Every replica whose lease stands."""

    async def save(self, name: str, snapshot: Snapshot, rank: int = 0) -> None:
        """Keep the snapshot of a replica's rank in place of the one before."""

    async def load(self, name: str, rank: int = 0) -> Snapshot | None:
        """The last snapshot of a replica's rank, lease or none."""

    async def holders(self, blocks: Sequence[int]) -> dict[str, int]:
        """Leading blocks of this chain of own hashes that each replica's last snapshots hold, in any tier and rank.

        Only replicas with a lease, of that lease's epoch, and only those that hold the first block.
        """

    async def close(self) -> None:
        """Let connections go."""
