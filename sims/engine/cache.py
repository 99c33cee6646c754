"""The prefix cache of one replica: vLLM v1's reference counts and eviction order; as `sims.replica.cache`."""

from policies.fleet import HBM
from sims.engine.compiled import compiled
from sims.engine.holders import enter, leave, place_of, slot_of
from sims.engine.memory import block, integers, smalls
from sims.engine.records import NONE, Engine, Flight, World
from sims.engine.shelf import append, unlink
from sims.engine.telling import tell
from sims.engine.tiers import fall


@compiled
def free(e: Engine) -> int:
    """Blocks that can be handed out, cached ones included."""
    return e.plain + e.freed


@compiled
def hits(w: World, e: Engine, f: Flight, limit: int) -> int:
    """Leading blocks of a prompt that are cached, at most `limit`; their slots are remembered."""
    chain, memo, count = smalls(w.chains_), smalls(w.memo_), min(limit, f.chained)
    for i in range(count):
        slot = slot_of(e, chain[f.chain + i], memo[f.chain + i])
        if slot == NONE:
            return i
        memo[f.chain + i] = slot
    return int(count)


@compiled
def evictable(w: World, e: Engine, f: Flight, count: int) -> int:
    """How many of the first `count` blocks, all cached, nobody holds."""
    memo, nobody = smalls(w.memo_), 0
    for i in range(count):
        if block(e, memo[f.chain + i]).holders == 0:
            nobody += 1
    return nobody


@compiled
def hold(w: World, e: Engine, f: Flight, count: int) -> None:
    """Hold the first `count` blocks, all cached."""
    memo = smalls(w.memo_)
    for i in range(count):
        share(e, memo[f.chain + i])


@compiled
def share(e: Engine, slot: int) -> None:
    """Hold one cached block."""
    held = block(e, slot)
    if held.holders == 0:
        unlink(e, slot)
    held.holders += 1


@compiled
def take(w: World, e: Engine, count: int) -> None:
    """Hold `count` plain blocks, evicting cached ones where none are left; the caller has checked `free`."""
    e.plain -= count
    while e.plain < 0:
        slot = e.oldest
        unlink(e, slot)
        number = leave(e, slot)
        tell(w, e.row, number, HBM, 0)
        if w.tiers > 1:
            fall(w, e.row, number)
        e.plain += 1


@compiled
def name(w: World, e: Engine, f: Flight, last: int) -> None:
    """Turn plain blocks of a request into its named ones up to `last`, cached from now on."""
    chain, memo = smalls(w.chains_), smalls(w.memo_)
    for i in range(f.named, last):
        number = chain[f.chain + i]
        place = place_of(e, number)
        if place < 0:
            slot = enter(e, number, -1 - place)
            block(e, slot).holders = 1
            tell(w, e.row, number, HBM, 1)
        else:
            # Somebody else computed it too: one is shared, the other given back.
            slot = integers(e.table_)[place] & 0xFFFFFFFF
            share(e, slot)
            e.plain += 1
        memo[f.chain + i] = slot
    f.named = last


@compiled
def release(w: World, e: Engine, f: Flight) -> None:
    """Give back all blocks of a request, its tail first."""
    memo = smalls(w.memo_)
    e.plain += -(-f.kv // e.block) - f.named
    for i in range(f.named - 1, -1, -1):
        slot = memo[f.chain + i]
        held = block(e, slot)
        held.holders -= 1
        if held.holders == 0:
            append(e, slot)
    f.named = 0
    f.kv = 0
