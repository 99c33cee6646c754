"""What a caller does to a paused simulation: look at it, fail a replica, let those held go, close the meters."""

from math import inf

from policies.fleet import READY, WIDTH
from sims.engine import loop, view
from sims.engine.agenda import schedule
from sims.engine.arriving import give_up_blocks
from sims.engine.compiled import compiled
from sims.engine.encoding import withdrawn
from sims.engine.flights import give_back
from sims.engine.holding import first_in, let_go
from sims.engine.knowledge import forget
from sims.engine.looks import look_at_all
from sims.engine.memory import block, engine, entry, flight, floats, integers, smalls, transfer
from sims.engine.placing import place
from sims.engine.records import NONE, Engine, World
from sims.engine.stepping import next_time, sync
from sims.engine.telling import start_anew
from sims.engine.transfers import bring_up, share, take_out

PLAY, LOOK, FAIL, LET_GO, CLOSE = range(5)
"""What the compiled library is asked for: events, a look at every replica, a replica's failure, a try for all who are
held, the meters of every replica up to now."""


@compiled
def asked(w: World, what: int, argument: int) -> int:
    """Do one of the above; returns what `loop.go` does."""
    if what == PLAY:
        return loop.go(w, argument)
    if what == LOOK:
        look_at_all(w, w.now)
    elif what == CLOSE:
        close(w)
    elif what == FAIL:
        return fail(w, argument)
    elif what == LET_GO:
        return let_all_go(w)
    return loop.SLICED


@compiled
def close(w: World) -> None:
    """Count what every replica has done by now."""
    for row in range(w.replicas):
        e = engine(w, row)
        sync(w, e, w.now)
        schedule(w, row, next_time(w, e))


@compiled
def let_all_go(w: World) -> int:
    """Place all who are held, those for whom the policy finds nobody are held again."""
    for queue in range(w.models * w.ranks):
        last = smalls(w.last_held_)[queue]
        while first_in(w, queue) != NONE:
            index = let_go(w, queue)
            if not place(w, index):
                return loop.FAILED
            if index == last:
                break
    return loop.SLICED


@compiled
def fail(w: World, row: int) -> int:
    """A replica is gone: nothing is sent to it, its caches are empty, what it was serving starts anew elsewhere."""
    e = engine(w, row)
    sync(w, e, w.now)
    floats(w.table_)[row * WIDTH + READY] = 0.0
    lost = gathered(w, e, withdrawn(w, row, moving(w, row)))
    empty(w, e)
    schedule(w, row, inf)
    if w.telling:
        forget(w, row)
        start_anew(w, e)
    while lost != NONE:
        f = flight(w, lost)
        index, following = f.index, f.next
        view.lost(w, f)
        give_back(w, lost)
        if not place(w, index):
            return loop.FAILED
        lost = following
    return loop.SLICED


@compiled
def moving(w: World, row: int) -> int:
    """Those whose KV was on its way from a replica or to it as one list; where it came from its blocks are free."""
    bring_up(w, w.now)
    first, i = NONE, 0
    while i < w.transfers:
        source, index = transfer(w, i).source, transfer(w, i).flight
        if source != row and flight(w, index).row != row:
            i += 1
            continue
        take_out(w, i)
        if source != row:
            give_up_blocks(w, source, index)
        flight(w, index).next = first
        first = index
    share(w)
    return int(first)


@compiled
def gathered(w: World, e: Engine, rest: int) -> int:
    """All requests of a replica as one list: those that decode, those in prefill, those that wait, those to come."""
    first, index = rest, e.first_coming
    while index != NONE:
        following = flight(w, index).next
        flight(w, index).next = first
        first, index = index, following
    first = joined(w, e.first_waiting, e.waiting, first)
    first = joined(w, e.first_chunk, e.chunks, first)
    first = joined(w, e.first_image, e.images, first)
    if e.partial != NONE:
        flight(w, e.partial).next = first
        first = e.partial
    for place_ in range(e.batch):
        index = entry(e, place_).flight
        flight(w, index).next = first
        first = index
    return int(first)


@compiled
def joined(w: World, first: int, count: int, rest: int) -> int:
    """A list of so many requests with another behind it."""
    if count == 0:
        return rest
    last = first
    for _ in range(count - 1):
        last = flight(w, last).next
    flight(w, last).next = rest
    return first


@compiled
def empty(w: World, e: Engine) -> None:
    """Make an engine as it was when it started, but for its meters."""
    e.flying = e.steps = e.chunks = e.batch = e.waiting = e.stalled = 0
    e.context = e.queued = e.images = e.encoding = e.imaged = 0
    e.left = e.shown_running = e.shown_waiting = e.shown_blocks = 0
    e.reserved = e.counter
    e.partial = e.first_coming = e.first_waiting = e.first_image = NONE
    needing, table = smalls(e.needing_), integers(e.table_)
    for k in range(e.block):
        needing[k] = 0
    for k in range(1 << (32 - e.shift)):
        table[k] = 0
    for slot in range(e.slots):
        block(e, slot).key = 0
        block(e, slot).holders = 0
    e.plain, e.freed, e.slots = e.capacity, 0, 0
    e.oldest = e.youngest = e.spare = NONE
