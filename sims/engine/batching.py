"""What the next step computes: continuous batching, chunked prefill, preemption; as `sims.replica.scheduler`."""

from sims.engine import cache
from sims.engine.compiled import compiled
from sims.engine.decodes import affordable, blocks, join, leave, reserve, until_finish
from sims.engine.heap import newest
from sims.engine.memory import flight
from sims.engine.records import CARRIED, FRESH, NONE, Engine, Flight, World
from sims.engine.tiers import fetched


@compiled
def running(e: Engine) -> int:
    """Requests in the batch, prefilling or decoding, between two steps."""
    return e.batch + (0 if e.partial == NONE else 1)


@compiled
def idle(e: Engine) -> bool:
    """Whether there is nothing to compute."""
    return e.batch == 0 and e.waiting == 0 and e.partial == NONE and e.chunks == 0 and e.first_image == NONE


@compiled
def form(w: World, e: Engine) -> float:
    """Take the blocks of the next step; returns the pairs of tokens that its chunks attend to."""
    receive(w, e)
    preempted = make_room(w, e)
    reserve(w, e, e.counter + 1)
    e.prefill_tokens, e.encoding, e.load_s = 0, 0, 0.0
    budget, places = e.chunk_tokens - e.batch, e.max_seqs - running(e)
    if e.partial != NONE:
        budget = go_on(w, e, budget)
        preempted = preempted or (e.partial == NONE and e.chunks == 0)
    if not preempted:
        admit(w, e, budget, places)
    if e.first_image != NONE:
        encode(w, e)
    e.step_batch, e.step_context, e.taken = e.batch, e.context, 0
    # A step that preempted admits nobody, so the next one must look at the queue again.
    e.steps = 1 if e.chunks > 0 or preempted or e.batch == 0 or e.encoding > 0 else repeats(e)
    return attended(w, e)


@compiled
def filled(e: Engine, f: Flight) -> int:
    """Blocks with a number that a request has filled. Those of its answer get it only when it goes: nobody else asks
    for them, and as long as it holds them nobody can tell."""
    return int(max(min(f.kv // e.block, f.chained), f.named))


@compiled
def encode(w: World, e: Engine) -> None:
    """Make the images of others part of the step, all that one step takes; a few where it also decodes."""
    budget, index = (w.encode_tokens if e.batch > 0 else e.chunk_tokens), e.first_image
    e.imaged = 0
    while index != NONE and budget > 0:
        new = min(flight(w, index).visual, budget)
        e.imaged += new
        budget -= new
        index = flight(w, index).next
    e.encoding += e.imaged


@compiled
def make_room(w: World, e: Engine) -> bool:
    """Preempt the newest requests until every decode that needs a block in the next step gets one."""
    preempted = False
    while blocks(e, 1) > cache.free(e):
        preempt(w, e)
        preempted = True
    return preempted


@compiled
def preempt(w: World, e: Engine) -> None:
    """Send the newest running request back to the queue's front, all it computed lost but for the cache."""
    index = e.partial
    if index == NONE:
        index = leave(w, e, newest(e))
        cache.name(w, e, flight(w, index), filled(e, flight(w, index)))
    else:
        e.queued -= flight(w, index).target - flight(w, index).computed
    e.partial = NONE
    f = flight(w, index)
    cache.release(w, e, f)
    f.target, f.computed = f.prompt + f.emitted, 0
    e.queued += f.target
    f.preemptions += 1
    if f.carried == FRESH:
        f.carried = 0
        e.fresh -= 1
    f.next = e.first_waiting
    e.first_waiting = index
    if e.waiting == 0:
        e.last_waiting = index
    e.waiting += 1


@compiled
def go_on(w: World, e: Engine, budget: int) -> int:
    """Give the request part-way through its prompt its next chunk, or preempt it for want of blocks, it being the
    newest; returns the budget left."""
    index = e.partial
    f = flight(w, index)
    new = min(f.target - f.computed, budget)
    needed = -(-(f.computed + new) // e.block) - -(-f.kv // e.block)
    if needed > cache.free(e):
        preempt(w, e)
        return budget
    if new > 0:
        e.partial = NONE
        compute(w, e, f, index, new, needed)
    return int(budget - new)


@compiled
def admit(w: World, e: Engine, budget: int, places: int) -> None:
    """Admit waiting requests in order while tokens, places and blocks last."""
    while e.waiting > 0 and budget > 0 and places > 0:
        index = e.first_waiting
        f = flight(w, index)
        following = f.next
        new = 0 if f.carried == CARRIED else place(w, e, f, index, budget)
        if new == 0:
            return
        e.first_waiting = following
        e.waiting -= 1
        budget -= new
        places -= 1


@compiled
def receive(w: World, e: Engine) -> None:
    """Let requests at the queue's head decode whose KV has come from elsewhere, while places and blocks last."""
    while e.waiting > 0 and flight(w, e.first_waiting).carried == CARRIED and running(e) < e.max_seqs:
        index = e.first_waiting
        f = flight(w, index)
        kept = f.target if w.relays_first else f.target - 1
        hits = cache.hits(w, e, f, kept // e.block)
        needed = -(-kept // e.block) - hits
        # One more, or its first token might preempt it at once.
        if needed + 1 > cache.free(e) - cache.evictable(w, e, f, hits) and e.batch > 0:
            return
        if needed > cache.free(e) - cache.evictable(w, e, f, hits):
            return
        e.first_waiting = f.next
        e.waiting -= 1
        cache.hold(w, e, f, hits)
        f.named, f.carried = hits, FRESH
        e.fresh += 1
        e.serial += 1
        f.serial = e.serial
        cache.take(w, e, needed)
        f.kv = kept
        cache.name(w, e, f, max(min(f.kv // e.block, f.chained), hits))
        join(e, f, index)


@compiled
def place(w: World, e: Engine, f: Flight, index: int, budget: int) -> int:
    """Take the blocks of a waiting request's first chunk; returns its tokens, or 0 when they do not fit."""
    limit, waited_s = (f.target - 1) // e.block, e.load_s
    hits = cache.hits(w, e, f, limit)
    held = fetched(w, e, f, hits, limit) if w.tiers > 1 else hits
    new = min(f.target - held * e.block, budget)
    needed = -(-(held * e.block + new) // e.block) - hits
    if needed > cache.free(e) - cache.evictable(w, e, f, hits):
        e.load_s = waited_s
        return 0
    cache.hold(w, e, f, hits)
    f.named = hits
    f.kv = hits * e.block
    f.computed = held * e.block
    e.queued -= f.computed
    if f.cached == NONE:
        f.cached = f.computed
        f.admitted = e.start
    if f.visual > 0:
        e.encoding += max(f.visual - f.computed, 0)
        f.visual = 0
    e.serial += 1
    f.serial = e.serial
    compute(w, e, f, index, new, needed)
    return int(new)


@compiled
def compute(w: World, e: Engine, f: Flight, index: int, new: int, needed: int) -> None:
    """Make a chunk part of the step, its blocks taken and those it completes named."""
    if needed > 0:
        cache.take(w, e, needed)
    f.kv = f.computed + new
    f.new = new
    full = min(f.kv // e.block, f.chained)
    if full > f.named:
        cache.name(w, e, f, full)
    if e.chunks == 0:
        e.first_chunk = index
    else:
        flight(w, e.last_chunk).next = index
    e.last_chunk = index
    e.chunks += 1
    e.prefill_tokens += new


@compiled
def attended(w: World, e: Engine) -> float:
    """Pairs of tokens that the step's chunks attend to."""
    total, index = 0.0, e.first_chunk
    for _ in range(e.chunks):
        f = flight(w, index)
        total += f.new * (f.kv - f.new / 2)
        index = f.next
    return total


@compiled
def repeats(e: Engine) -> int:
    """Steps of pure decoding until a request finishes or blocks run out."""
    return 1 + affordable(e, cache.free(e), until_finish(e) - 1)


@compiled
def computed(e: Engine, f: Flight, index: int) -> bool:
    """Enter a chunk as computed; whether it was the last one and so gave a token."""
    f.computed += f.new
    e.queued -= f.new
    if f.computed < f.target:
        e.partial = index
        return False
    f.emitted += 1
    return True


@compiled
def finish(w: World, e: Engine) -> int:
    """Take the request that finishes first out, its blocks given back."""
    index = leave(w, e, 0)
    cache.name(w, e, flight(w, index), filled(e, flight(w, index)))
    cache.release(w, e, flight(w, index))
    return index


@compiled
def enqueue(w: World, e: Engine, index: int) -> None:
    """Put a request at the queue's end."""
    f = flight(w, index)
    f.next = NONE
    e.queued += f.target - f.computed
    if e.waiting == 0:
        e.first_waiting = index
    else:
        flight(w, e.last_waiting).next = index
    e.last_waiting = index
    e.waiting += 1
