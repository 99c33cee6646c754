"""The decoding requests of one replica by when they finish."""

from sims.engine.compiled import compiled
from sims.engine.memory import entry
from sims.engine.records import Engine

SERIALS = 31  # bits of an admission number below the step counter in a key


@compiled
def put(e: Engine, place: int, key: int, index: int) -> None:
    """Write an entry to a place."""
    here = entry(e, place)
    here.key, here.flight = key, index


@compiled
def rise(e: Engine, place: int, key: int, index: int) -> None:
    """Put an entry where it belongs, at a place or above."""
    while place > 0:
        above = entry(e, (place - 1) >> 1)
        if above.key < key:
            break
        put(e, place, above.key, above.flight)
        place = (place - 1) >> 1
    put(e, place, key, index)


@compiled
def sink(e: Engine, place: int, key: int, index: int) -> None:
    """Put an entry where it belongs, at a place or below."""
    while 2 * place + 1 < e.batch:
        below = 2 * place + 1
        if below + 1 < e.batch and entry(e, below + 1).key < entry(e, below).key:
            below += 1
        child = entry(e, below)
        if child.key > key:
            break
        put(e, place, child.key, child.flight)
        place = below
    put(e, place, key, index)


@compiled
def insert(e: Engine, finish: int, serial: int, index: int) -> None:
    """Enter a request that finishes after so many steps, the first admitted first."""
    e.batch += 1
    rise(e, e.batch - 1, (finish << SERIALS) | serial, index)


@compiled
def remove(e: Engine, place: int) -> None:
    """Take the request at a place out."""
    e.batch -= 1
    if place == e.batch:
        return
    last = entry(e, e.batch)
    key, index = last.key, last.flight
    if place > 0 and entry(e, (place - 1) >> 1).key > key:
        rise(e, place, key, index)
    else:
        sink(e, place, key, index)


@compiled
def first_finish(e: Engine) -> int:
    """The step after which the next request finishes; there must be one."""
    return entry(e, 0).key >> SERIALS


@compiled
def newest(e: Engine) -> int:
    """The place of the request that was admitted last; there must be one."""
    found, latest = 0, -1
    for place in range(e.batch):
        serial = entry(e, place).key & ((1 << SERIALS) - 1)
        if serial > latest:
            found, latest = place, serial
    return found
