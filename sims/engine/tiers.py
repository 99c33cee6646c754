"""Slower tiers of one replica: blocks evicted from HBM fall to host memory, from there to disk, and come back."""

from math import inf

from policies.fleet import DISK, HBM, HOST
from sims.engine.compiled import compiled
from sims.engine.holders import place_of
from sims.engine.memory import disk, host, smalls
from sims.engine.records import NONE, Engine, Flight, World
from sims.engine.shelf import has, put
from sims.engine.telling import tell


@compiled
def fall(w: World, row: int, number: int) -> None:
    """A block was evicted from HBM."""
    tell(w, row, number, HOST, 1)
    gone = put(host(w, row), number)
    if gone == NONE:
        return
    tell(w, row, gone, HOST, 0)
    if disk(w, row).capacity == 0:
        return
    tell(w, row, gone, DISK, 1)
    lost = put(disk(w, row), gone)
    if lost != NONE:
        tell(w, row, lost, DISK, 0)


@compiled
def fetched(w: World, e: Engine, f: Flight, hits: int, limit: int) -> int:
    """How many leading blocks a request has once those that slower tiers hold are brought; their seconds are added
    to the step now formed."""
    chain, token_s = smalls(w.chains_), 0.0
    for i in range(hits, min(limit, f.chained)):
        number = chain[f.chain + i]
        if place_of(e, number) >= 0:
            continue
        if has(host(w, e.row), number):
            token_s = e.host_token_s
        elif has(disk(w, e.row), number):
            token_s = e.disk_token_s
        else:
            return i
        if token_s == inf:
            return i
        e.load_s += token_s * e.block
    return int(max(min(limit, f.chained), hits))


assert HBM == 0
