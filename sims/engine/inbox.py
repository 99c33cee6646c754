"""Requests on their way to a replica, in order of the time at which they reach it."""

from sims.engine.agenda import schedule
from sims.engine.compiled import compiled
from sims.engine.memory import engine, flight, floats
from sims.engine.records import NONE, Engine, World


@compiled
def approach(w: World, index: int) -> None:
    """Let a request reach, when it is due, who encodes its images, or the replica that it was sent to."""
    f = flight(w, index)
    row = f.row if f.encoder == NONE else f.encoder
    coming(w, engine(w, row), index)
    schedule(w, row, min(floats(w.due_)[row], f.due))


@compiled
def coming(w: World, e: Engine, index: int) -> None:
    """Put a request among those on their way, behind all who are due no later."""
    f, before = flight(w, index), NONE
    following = e.first_coming
    if following != NONE and flight(w, e.last_coming).due <= f.due:
        before, following = e.last_coming, NONE
    while following != NONE and flight(w, following).due <= f.due:
        before, following = following, flight(w, following).next
    f.next = following
    if before == NONE:
        e.first_coming = index
    else:
        flight(w, before).next = index
    if following == NONE:
        e.last_coming = index
