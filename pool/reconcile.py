"""What is to be done that a fleet becomes what is wanted: `(seen, wanted) -> actions`. Pure.

Nothing is counted up or down: an action says what shall be and which version of the workload was looked at, so doing it
twice, or by two, is doing it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEARD_S = 2.0  # after so long every router has heard that a replica is not to be sent work
DRAIN_S = 120.0  # a replica that is not idle after so long is let go all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One pod of a pool."""

    name: str
    ready: bool = True
    born: str = ""
    in_flight: float = 0.0  # requests in its batch and waiting, as it last said
    drained_s: float | None = None  # seconds since it was taken out of routing by us; None when it was not
    becoming: str = ""  # the role that it is drained for
    role: str = "mixed"
    ordinal: int | None = None  # of a set whose highest ends first


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What makes a pool's pods."""

    kind: str
    name: str
    replicas: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as it is; its replicas are those that are not ending."""

    replicas: tuple[Replica, ...]
    workload: Workload | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """So many replicas of a pool shall have a role; where they lack they come from the others, or from one alone."""

    role: str
    replicas: int = 1
    source: str = ""  # the role they are taken from; any when empty
    drains: bool = True  # they get nothing new until they are empty; else their new work comes beside what they hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A pool as it shall be."""

    replicas: int | None = None  # None: as many as there are
    least: int = 0
    most: int = 1 << 16
    switches: tuple[Switch, ...] = ()
    drain_s: float = DRAIN_S
    why: str = "asked for"

    @property
    def size(self) -> int | None:
        """The replicas within the bounds; None: as many as there are."""
        return None if self.replicas is None else min(max(self.replicas, self.least), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Make a workload have so many replicas, if it is still the one that was looked at."""

    pool: str
    workload: Workload
    replicas: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Take a replica out of routing, to end or to become something else."""

    pool: str
    replica: str
    why: str
    becoming: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Put a replica back into routing, in a role of its own where one is given."""

    pool: str
    replica: str
    why: str
    role: str = ""


Action = Scale | Drain | Resume


def reconcile(seen: Mapping[str, Pool], wanted: Mapping[str, Wanted]) -> list[Action]:
    """What to do now; the same again until it is seen to be done, and nothing when all is as wanted."""
    actions: list[Action] = []
    for name, pool in seen.items():
        want = wanted.get(name, Wanted())
        actions += _sized(name, pool, want)
        actions += _switched(name, pool, want)
    return actions


def _sized(name: str, pool: Pool, want: Wanted) -> list[Action]:
    workload, target = pool.workload, want.size
    if workload is None or target is None:
        return []
    leaving = [each for each in pool.replicas if each.drained_s is not None and not each.becoming]
    if target >= workload.replicas:
        back: list[Action] = [Resume(pool=name, replica=each.name, why="it is wanted again") for each in leaving]
        grown = Scale(pool=name, workload=workload, replicas=target, why=want.why)
        return [*back, grown] if target > workload.replicas else back
    return _shrunk(name, pool, workload, target, want)


def _shrunk(name: str, pool: Pool, workload: Workload, target: int, want: Wanted) -> list[Action]:
    """Drain who is to end, and let go of those that have; pods that were never made cost nothing."""
    unborn = max(workload.replicas - len(pool.replicas), 0)
    excess = max(workload.replicas - unborn - target, 0)
    ending = _ending(pool.replicas)[:excess]
    keep = {each.name for each in ending}
    actions: list[Action] = [
        Resume(pool=name, replica=each.name, why="another ends in its place")
        for each in pool.replicas
        if each.drained_s is not None and not each.becoming and each.name not in keep
    ]
    actions += [Drain(pool=name, replica=each.name, why="scale-down") for each in ending if each.drained_s is None]
    gone = _gone(ending, want.drain_s)
    if unborn + gone:
        left = max(workload.replicas - unborn - gone, target)
        actions.append(Scale(pool=name, workload=workload, replicas=left, why=want.why))
    return actions


def _ending(replicas: Sequence[Replica]) -> list[Replica]:
    """Who ends first: the highest of a numbered set; else who drains already, is not ready, has least to do, is newest.

    Whoever becomes something else is left to do so.
    """
    if any(each.ordinal is not None for each in replicas):
        return sorted(replicas, key=lambda each: -(each.ordinal or 0))
    born = sorted((each for each in replicas if not each.becoming), key=lambda each: each.born, reverse=True)
    return sorted(born, key=lambda each: (each.drained_s is None, each.ready, each.in_flight))


def _gone(ending: Sequence[Replica], bound_s: float) -> int:
    """How many may be let go: of a numbered set only those above which all may."""
    done = [is_idle(each, bound_s) for each in ending]
    if any(each.ordinal is not None for each in ending):
        return done.index(False) if False in done else len(done)
    return sum(done)


def is_idle(replica: Replica, bound_s: float) -> bool:
    """Whether a drained replica serves nobody any more, or has had its time."""
    since = replica.drained_s
    if since is None:
        return False
    return since >= bound_s or (since >= HEARD_S and (replica.in_flight <= 0.0 or not replica.ready))


def _switched(name: str, pool: Pool, want: Wanted) -> list[Action]:
    """Give their role to those that were drained for it and are idle, and take more where some are missing."""
    actions: list[Action] = [
        Resume(pool=name, replica=each.name, why=f"it serves as {each.becoming} now", role=each.becoming)
        for each in pool.replicas
        if each.becoming and is_idle(each, want.drain_s)
    ]
    taken = set[str]()
    for switch in want.switches:
        missing = switch.replicas - having(pool.replicas, switch.role)
        for each in _free(pool.replicas, switch, taken)[: max(missing, 0)]:
            taken.add(each.name)
            actions.append(_turning(name, each, switch))
    return actions


def having(replicas: Sequence[Replica], role: str) -> int:
    """How many have a role, or are on their way to it; not those on their way to another."""
    return sum((each.becoming or each.role) == role for each in replicas)


def _free(replicas: Sequence[Replica], switch: Switch, taken: set[str]) -> list[Replica]:
    """Who may take another role, the least busy first."""
    free = [
        each
        for each in replicas
        if each.drained_s is None and each.name not in taken and each.role != switch.role
        and switch.source in ("", each.role)
    ]  # fmt: skip
    return sorted(free, key=lambda one: (one.in_flight, one.name))


def _turning(pool: str, replica: Replica, switch: Switch) -> Action:
    if switch.drains:
        return Drain(pool=pool, replica=replica.name, why=f"role:{switch.role}", becoming=switch.role)
    return Resume(pool=pool, replica=replica.name, why=f"it serves as {switch.role} now", role=switch.role)
