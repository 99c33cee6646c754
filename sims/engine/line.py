"""Who comes next: arrivals in order of time, and turns that wait for their session's previous answer."""

from math import inf

from sims.engine.compiled import compiled
from sims.engine.memory import floats, smalls, turn
from sims.engine.records import NONE, World


@compiled
def coming(w: World) -> float:
    """When the next arrival comes; inf when nobody is due."""
    at = floats(w.times_)[smalls(w.order_)[w.ahead]] if w.ahead < w.ordered else inf
    return min(at, turn(w, 0).at) if w.turns > 0 else at


@compiled
def take(w: World) -> int:
    """The next arrival, the lower number first."""
    if w.ahead < w.ordered:
        index = smalls(w.order_)[w.ahead]
        if w.turns == 0 or not comes_before(w, turn(w, 0).at, turn(w, 0).index, floats(w.times_)[index], index):
            w.ahead += 1
            return int(index)
    return pop(w)


@compiled
def ended(w: World, index: int, now: float) -> None:
    """An arrival has its answer, or never will: its session's next turn may follow."""
    after = smalls(w.following_)[index]
    if after != NONE:
        push(w, max(floats(w.times_)[after], now + floats(w.after_)[after]), after)


@compiled
def comes_before(w: World, at: float, index: int, other_at: float, other: int) -> bool:
    """Whether the first of two comes first."""
    return at < other_at or (at == other_at and index < other)


@compiled
def push(w: World, at: float, index: int) -> None:
    """Enter a turn whose time is known."""
    place = w.turns
    w.turns += 1
    while place > 0:
        above = turn(w, (place - 1) >> 1)
        if not comes_before(w, at, index, above.at, above.index):
            break
        here = turn(w, place)
        here.at, here.index = above.at, above.index
        place = (place - 1) >> 1
    here = turn(w, place)
    here.at, here.index = at, index


@compiled
def pop(w: World) -> int:
    """Take the first turn out."""
    first = turn(w, 0).index
    w.turns -= 1
    at, index, place = turn(w, w.turns).at, turn(w, w.turns).index, 0
    while 2 * place + 1 < w.turns:
        below = 2 * place + 1
        left, right = turn(w, below), turn(w, below + 1)
        if below + 1 < w.turns and comes_before(w, right.at, right.index, left.at, left.index):
            below += 1
        child = turn(w, below)
        if not comes_before(w, child.at, child.index, at, index):
            break
        here = turn(w, place)
        here.at, here.index = child.at, child.index
        place = below
    here = turn(w, place)
    here.at, here.index = at, index
    return first
