"""One replica in time: phases formed, ended and cut; as `sims.replica.engine`."""

from math import inf

from policies.fleet import PREFILL
from sims.engine.agenda import schedule
from sims.engine.batching import computed, enqueue, finish, form, idle, running
from sims.engine.compiled import compiled
from sims.engine.decodes import join, reserve
from sims.engine.encoding import append, encoded
from sims.engine.flights import finished, started
from sims.engine.heap import first_finish
from sims.engine.memory import engine, entry, flight, just_after
from sims.engine.phase import done, shorten, time_of
from sims.engine.records import FRESH, NONE, Engine, World
from sims.engine.seconds import meter, step
from sims.engine.transfers import depart


@compiled
def advance(w: World, row: int) -> None:
    """Bring a replica to now: what has reached it joins its queue, steps that are over end, the next one is formed."""
    e = engine(w, row)
    w.stamp = w.now + w.kv_staleness_s
    while e.first_coming != NONE and flight(w, e.first_coming).due <= w.now:
        submit(w, e)
    run(w, e, w.now)
    # A step is formed once time has passed its start, for all that comes at that instant to be part of it. Whatever
    # is decided from now on takes a frontend's time to get here, so nothing more can come at this instant.
    if e.flying == 0 and not idle(e) and not e.stalled and e.start + e.frontend_s > w.now:
        w.stamp = just_after(e.start) + w.kv_staleness_s
        begin(w, e)
    schedule(w, row, next_time(w, e))


@compiled
def next_time(w: World, e: Engine) -> float:
    """When this replica next does something, inf when idle."""
    at = inf
    if e.flying:
        at = time_of(e, e.steps)
    elif not idle(e) and not e.stalled:
        at = just_after(e.start)
    return at if e.first_coming == NONE else min(at, flight(w, e.first_coming).due)


@compiled
def submit(w: World, e: Engine) -> None:
    """Queue the next request that has reached the replica; it joins at the next step boundary."""
    index = e.first_coming
    f = flight(w, index)
    e.first_coming = f.next
    sync(w, e, f.due)
    if f.encoder == e.row:
        add_image(w, e, index)
        return
    if idle(e):
        e.start = f.due
    elif e.waiting == 0 and e.flying:
        e.steps = 1
    enqueue(w, e, index)


@compiled
def add_image(w: World, e: Engine, index: int) -> None:
    """Queue a request whose images are to be encoded here; the first joins at the next step boundary."""
    if idle(e) or e.stalled:
        e.start, e.stalled = flight(w, index).due, 0
    elif e.flying and e.first_image == NONE:
        e.steps = 1
    append(w, e, index)


@compiled
def run(w: World, e: Engine, until: float) -> None:
    """Process every step boundary up to and including `until`."""
    while True:
        if e.flying == 0:
            if idle(e) or e.stalled or e.start >= until:
                return
            begin(w, e)
            if e.stalled:
                return
        end = time_of(e, e.steps)
        if end > until:
            return
        complete(w, e, end)


@compiled
def sync(w: World, e: Engine, now: float) -> None:
    """Bring the state to `now`, splitting a phase after the last step that is done."""
    run(w, e, now)
    if e.flying == 0 or e.steps == 1:
        return
    steps = done(e, now)
    if steps == 0:
        return
    enter(w, e, steps)
    shorten(e, steps)
    if e.start >= now:
        e.flying = 0
    else:
        reserve(w, e, e.counter + 1)


@compiled
def begin(w: World, e: Engine) -> None:
    """Form the next step, and all that may follow it unchanged, as one phase; nothing where nothing can be computed."""
    pairs = form(w, e)
    e.left = e.waiting
    if e.batch == 0 and e.chunks == 0 and e.encoding == 0:
        e.stalled = 1
        return
    batch, context = float(e.batch), float(e.context)
    e.first_s, e.growth_s, e.flying = step(e, batch, context, float(e.prefill_tokens), pairs), 0.0, 1
    e.first_s += e.load_s
    if e.encoding > 0:
        e.first_s += e.slowdown * e.encode_token_s * e.encoding
    if e.fresh > 0:
        speak(w, e)
    if e.steps > 1:
        # Affine in the context; taken over a long stretch, the difference keeps its digits.
        e.growth_s = (step(e, batch, context + 4096.0 * batch, 0.0, 0.0) - e.first_s) / 4096.0


@compiled
def speak(w: World, e: Engine) -> None:
    """Those whose KV came from elsewhere say their first token at the end of the step now formed."""
    for place in range(e.batch):
        f = flight(w, entry(e, place).flight)
        if f.carried == FRESH:
            f.carried = 0
            if f.emitted == 0:
                f.first = e.start + e.first_s
    e.fresh = 0


@compiled
def enter(w: World, e: Engine, steps: int) -> None:
    """Count the phase's first steps as done."""
    meter(e, steps)
    reserve(w, e, e.counter + steps)
    e.counter += steps
    e.context += steps * e.batch
    e.taken += steps


@compiled
def complete(w: World, e: Engine, end: float) -> None:
    """End the phase: tokens out, finished requests gone, the next step free to form."""
    enter(w, e, e.steps)
    e.flying, e.start = 0, end
    index, chunks = e.first_chunk, e.chunks
    e.chunks = 0
    for _ in range(chunks):
        f = flight(w, index)
        following = f.next
        if computed(e, f, index):
            if f.emitted == 1:
                started(w, f, end)
            if e.role != PREFILL or f.emitted == f.output or not depart(w, e, f, index, end):
                join(e, f, index)
        index = following
    if e.imaged > 0:
        encoded(w, e, end)
    while e.batch > 0 and first_finish(e) <= e.counter:
        finished(w, e, finish(w, e), end)
    e.shown_running, e.shown_waiting = running(e), e.left
    e.shown_blocks = e.capacity - e.plain - e.freed
