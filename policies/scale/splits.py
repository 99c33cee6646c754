"""Ways to share replicas out among prefill, decode and mixed, and how far each is from breaking a deadline."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from policies.scale.needs import Needs
from policies.scale.scaling import Move, PoolState

BESIDE = 0.75
"""What mixed replicas are worth beside prefill and decode ones: nobody shares prompts out evenly between the two."""


class Split(NamedTuple):
    """Replicas of each role."""

    prefill: int
    decode: int
    mixed: int

    @property
    def replicas(self) -> int:
        """All of them."""
        return self.prefill + self.decode + self.mixed

    def moves_to(self, other: "Split") -> int:
        """Replicas that change their role on the way to another split of as many."""
        return sum(max(there - here, 0) for here, there in zip(self, other, strict=True))

    def told(self) -> str:
        """In words as short as `5:3`, or `5:3+1` with a mixed one."""
        apart = f"{self.prefill}:{self.decode}" if self.prefill or self.decode else ""
        return "+".join(filter(None, [apart, str(self.mixed) if self.mixed else ""])) or "none"


class Floors(NamedTuple):
    """Fewest replicas of each role; of prefill and decode where there are any."""

    prefill: int
    decode: int
    mixed: int


def splits(replicas: int, floors: Floors) -> Iterator[Split]:
    """Every way to share so many replicas out; prefill and decode ones only together."""
    if replicas >= max(floors.mixed, 1):
        yield Split(0, 0, replicas)
    for mixed in range(floors.mixed, replicas - 1):
        for prefill in range(max(floors.prefill, 1), replicas - mixed - max(floors.decode, 1) + 1):
            yield Split(prefill, replicas - mixed - prefill, mixed)


def headroom(split: Split, needs: Needs) -> float:
    """How many times the demand a split serves within the deadlines; below 1 it is too little. Never negative."""
    if not (split.prefill and split.decode):
        return split.mixed / needs.mixed
    apart = min((split.prefill - needs.spare) / needs.prefill, split.decode / needs.decode)
    return max(apart, 0.0) + BESIDE * split.mixed / needs.mixed


def between(here: Split, there: Split, floors: Floors) -> Iterator[Split]:
    """The splits on the way from one to another of as many replicas, without the first."""
    for one in splits(here.replicas, floors):
        if one != here and all(min(ends) <= count <= max(ends) for count, *ends in zip(one, here, there, strict=True)):
            yield one


def split_of(states: Mapping[str, PoolState]) -> Split:
    """The replicas that are ready, by role; pools of other roles do not count."""
    ready = dict.fromkeys(Split._fields, 0)
    for state in states.values():
        if state.role in ready:
            ready[state.role] += state.ready
    return Split(**ready)


def moves(states: Mapping[str, PoolState], here: Split, there: Split, *, drains: bool) -> tuple[Move, ...]:
    """The moves from one split to another of as many replicas; a role without a pool is its own pool's name."""
    named = {state.role: pool for pool, state in states.items()}
    pools = [named.get(role, role) for role in Split._fields]
    change = [after - before for before, after in zip(here, there, strict=True)]
    leaving = [pool for pool, count in zip(pools, change, strict=True) for _ in range(-count)]
    joining = [pool for pool, count in zip(pools, change, strict=True) for _ in range(count)]
    pairs = list(zip(leaving, joining, strict=True))
    return tuple(
        Move(source=source, target=target, replicas=pairs.count((source, target)), drains=drains)
        for source, target in dict.fromkeys(pairs)
    )
