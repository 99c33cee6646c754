"""What engines would say of themselves at a time between two events; and the router's view of it, as last scraped."""

from math import floor

from policies.fleet import (
    CONTEXT_TOKENS,
    KV_USED,
    QUEUED_ATTENDED,
    QUEUED_TOKENS,
    RUNNING,
    WAITING,
    WIDTH,
)
from sims.engine.batching import running
from sims.engine.compiled import compiled
from sims.engine.decodes import blocks
from sims.engine.memory import engine, floats
from sims.engine.phase import done
from sims.engine.records import World

LOOKS = 6
"""Numbers a look has: running, waiting, queued tokens, pairs they attend to, context tokens, KV tokens."""


@compiled
def look(w: World, row: int, at: float, out: int) -> None:
    """Write what one engine is doing at a time since its last event, from a place of `looks` on."""
    e, seen = engine(w, row), floats(w.looks_)
    steps = done(e, at) if e.flying and e.steps > 1 else 0
    later = max(e.counter + steps + e.flying - e.reserved, 0)
    prefilling = running(e) + e.chunks - e.batch
    mean = e.queued / max(e.waiting + prefilling, 1)
    seen[out] = running(e) + e.chunks
    seen[out + 1] = e.waiting + e.images
    seen[out + 2] = e.queued
    seen[out + 3] = 0.5 * e.queued * mean
    seen[out + 4] = e.context + steps * e.batch
    seen[out + 5] = (e.capacity - e.plain - e.freed + blocks(e, later)) * e.block


@compiled
def read_metrics(w: World, row: int, at: float, out: int) -> None:
    """Write what one engine's /metrics shows of its requests and blocks: the end of its last whole step.

    vLLM sets its gauges after a step and takes in who came meanwhile only then: however often they are scraped, they
    tell nothing of requests that were sent since the step in flight began.
    """
    e, seen = engine(w, row), floats(w.looks_)
    look(w, row, at, out)
    if e.flying and e.taken + (done(e, at) if e.steps > 1 else 0) > 0:
        seen[out + 1] = e.left  # steps of this phase are done: its batch is as it was formed
        return
    seen[out], seen[out + 1], seen[out + 5] = e.shown_running, e.shown_waiting, e.shown_blocks * e.block


@compiled
def look_at_all(w: World, at: float) -> None:
    """Fill `looks`, replica after replica."""
    for row in range(w.replicas):
        look(w, row, at, LOOKS * row)


@compiled
def scrape(w: World, before: float) -> None:
    """Scrape every engine at those times of the grid, up to the next event, that may yet be the latest to be read."""
    first = w.scrape_at + floor((before - w.staleness_s - w.scrape_at) / w.scrape_s) * w.scrape_s
    w.scrape_at = max(w.scrape_at, first)
    while w.scrape_at < before:
        scrape_at(w, w.scrape_at)
        w.scrape_at += w.scrape_s


@compiled
def scrape_at(w: World, at: float) -> None:
    """Put a look at every engine on its way to the router."""
    for row in range(w.replicas):
        read_metrics(w, row, at, LOOKS * row)
    slot = w.last_scrape % w.scrape_slots
    kept, seen, size = floats(w.scrapes_), floats(w.looks_), LOOKS * w.replicas
    for i in range(size):
        kept[slot * size + i] = seen[i]
    floats(w.scraped_at_)[slot] = at + w.staleness_s
    w.last_scrape += 1
    w.first_scrape = max(w.first_scrape, w.last_scrape - w.scrape_slots)


@compiled
def read_scrape(w: World) -> None:
    """Write the latest scrape that has reached the router into its view."""
    latest = -1
    while w.first_scrape < w.last_scrape and floats(w.scraped_at_)[w.first_scrape % w.scrape_slots] <= w.now:
        latest = w.first_scrape
        w.first_scrape += 1
    if latest < 0:
        return
    table, kept = floats(w.table_), floats(w.scrapes_)
    for row in range(w.replicas):
        at, out = row * WIDTH, (latest % w.scrape_slots * w.replicas + row) * LOOKS
        table[at + RUNNING], table[at + WAITING] = kept[out], kept[out + 1]
        table[at + QUEUED_TOKENS], table[at + QUEUED_ATTENDED] = kept[out + 2], kept[out + 3]
        table[at + CONTEXT_TOKENS], table[at + KV_USED] = kept[out + 4], kept[out + 5]
