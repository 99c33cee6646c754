"""All decoding requests of one replica in bulk: every step gives each of them one token; as `sims.replica.decodes`."""

from sims.engine.cache import take
from sims.engine.compiled import compiled
from sims.engine.heap import first_finish, insert, remove
from sims.engine.memory import entry, flight, smalls
from sims.engine.records import Engine, Flight, World


@compiled
def join(e: Engine, f: Flight, index: int) -> None:
    """Let a request decode from the next step on; its prompt is computed and one token emitted."""
    f.base = e.counter
    e.context += f.prompt + f.emitted
    smalls(e.needing_)[(f.base - f.kv) % e.block] += 1
    insert(e, e.counter + f.output - f.emitted, f.serial, index)


@compiled
def leave(w: World, e: Engine, place: int) -> int:
    """Take the request at a place of the heap out, its own counts brought up to date; returns it."""
    index = entry(e, place).flight
    f = flight(w, index)
    smalls(e.needing_)[(f.base - f.kv) % e.block] -= 1
    gained = e.counter - f.base
    remove(e, place)
    f.emitted += gained
    f.kv += gained
    e.context -= f.prompt + f.emitted
    return index


@compiled
def until_finish(e: Engine) -> int:
    """Steps until the next request finishes; there must be one."""
    return first_finish(e) - e.counter


@compiled
def blocks(e: Engine, steps: int) -> int:
    """New blocks that the next `steps` unreserved steps need."""
    needing = smalls(e.needing_)
    rounds, place = steps // e.block, e.reserved % e.block
    end = place + steps - rounds * e.block
    total = 0
    for k in range(place, min(end, e.block)):
        total += needing[k]
    for k in range(end - e.block):
        total += needing[k]
    return rounds * e.batch + total


@compiled
def affordable(e: Engine, free: int, steps: int) -> int:
    """The most steps, up to `steps`, whose new blocks fit into `free`."""
    if (steps // e.block + 1) * e.batch <= free or blocks(e, steps) <= free:
        return steps
    low, high = 0, steps
    while high - low > 1:
        middle = (low + high) // 2
        if blocks(e, middle) <= free:
            low = middle
        else:
            high = middle
    return low


@compiled
def reserve(w: World, e: Engine, to: int) -> None:
    """Take the blocks of all steps up to the counter `to`."""
    needed = blocks(e, to - e.reserved)
    e.reserved = to
    if needed > 0:
        take(w, e, needed)
