"""The loop: one clock over arrivals, replicas and those held at the router."""

from math import inf

from sims.engine import line
from sims.engine.arriving import deliver
from sims.engine.compiled import compiled
from sims.engine.holding import patience, shed
from sims.engine.looks import scrape
from sims.engine.memory import floats, smalls
from sims.engine.placing import arrive, place_held
from sims.engine.records import World
from sims.engine.stepping import advance

DONE, PAUSED, SLICED, FULL, FAILED, UNSTABLE = range(6)
"""Why the loop returned: nothing is left, `until` has come, it has played its events, the ring is full, the policy
has failed, too many wait."""


@compiled
def is_full(w: World) -> bool:
    """Whether the next event might find no room for what replicas tell of their caches."""
    room = w.ring_mask + 1
    return bool(room - (w.ring_last - w.ring_first) < w.ring_room + w.missing_events or room - w.missed < w.ring_room)


@compiled
def go(w: World, events: int) -> int:
    """Play at most so many events, none of them at or after `until`."""
    for _ in range(events):
        if is_full(w):
            return FULL
        row, coming, leaving = smalls(w.tree_)[1], line.coming(w), patience(w)
        at = floats(w.due_)[row]
        now = min(at, coming, leaving)
        if now >= w.until:
            return DONE if now == inf else PAUSED
        if w.scraping and now > w.scrape_at:
            scrape(w, now)
        w.now = now
        # Engines first: what ends at the instant of an arrival is known to its decision.
        if at == now and row == w.replicas:
            deliver(w)
        elif at == now:
            advance(w, row)
            if w.held > 0 and not place_held(w, row):
                return FAILED
        elif leaving == now:
            shed(w)
        elif not arrive(w, line.take(w)):
            return FAILED
        elif w.missing > w.most_missing:
            return UNSTABLE
    return SLICED
