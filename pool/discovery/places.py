"""Where replicas are, as some source of names says, before they are told from one another. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from weir import fleetfile
from weir.v1 import fleet_pb2

ROLES = frozenset({"mixed", "prefill", "decode", "encode", "encode+decode"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it should be and does not stop the rest: its reason is a name, its words a sentence."""

    reason: str
    words: str
    about: str = ""  # pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One replica's place."""

    name: str
    host: str
    port: int
    uid: str = ""  # of the process, as far as the source tells one from another
    born: str = ""  # when, in RFC 3339: sorts as text
    role: str = ""  # the pool's when empty
    barred: str = ""  # why it may not be sent work

    @property
    def address(self) -> str:
        """host:port."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(slots=True, kw_only=True)
class Found:
    """What one pool's source says."""

    places: list[Place] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    usable: bool = True  # False: the source makes no sense now, what was found before stays


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def replica(pool: fleetfile.Pool, place: Place) -> fleet_pb2.Replica:
    """A place of a pool as the wire describes it."""
    where, host = pool.discover, bracketed(place.host)
    events = f"tcp://{host}:{where.events_port}" if where and where.events_port else ""
    replay = f"tcp://{host}:{where.replay_port}" if where and where.replay_port else ""
    made = fleetfile.message(pool, 0, place.address, events, replay)
    made.name = place.name
    made.role = place.role or pool.role
    return made


def told_apart(found: Iterable[tuple[str, Place]]) -> tuple[list[tuple[str, Place]], list[Problem]]:
    """Pools and places of which no two share a name or an address.

    A name belongs to the first pool that claims it. An address belongs to whoever was born last: an IP is given to
    another pod only when the one before has ended, whatever the API still says of that.
    """
    named: dict[str, tuple[str, Place]] = {}
    problems = []
    for pool, place in found:
        if place.name in named:
            first = named[place.name][0]
            words = f"{place.name} is in pool {first} already: its labels fit both"
            problems.append(Problem(reason="SharedPod", words=words, about=pool))
        else:
            named[place.name] = (pool, place)
    owners: dict[tuple[str, int], tuple[str, Place]] = {}
    for pool, place in named.values():
        at = (place.host, place.port)
        owner = owners.setdefault(at, (pool, place))
        if owner[1] is place:
            continue
        (kept, newer), (left, older) = _by_birth(owner, (pool, place))
        owners[at] = (kept, newer)
        words = f"{older.name} and {newer.name} are both said to be at {place.address}: the newer one is"
        problems.append(Problem(reason="AddressReused", words=words, about=left))
    return list(owners.values()), problems


def _by_birth(one: tuple[str, Place], other: tuple[str, Place]) -> tuple[tuple[str, Place], tuple[str, Place]]:
    """The newer first; of two born in the same second the one that may be sent work."""
    newer, older = sorted((one, other), key=lambda each: (each[1].born, not each[1].barred, each[1].name), reverse=True)
    return newer, older
