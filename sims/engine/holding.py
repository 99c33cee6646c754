"""Requests held at the router: until there is room, where they may wait for that, or while nobody is ready."""

from math import inf

from policies.fleet import KV_TOKENS, KV_USED, MAX_SEQS, MIXED, MODEL, PREFILL, READY, ROLE, RUNNING, WAITING, WIDTH
from sims.engine import line
from sims.engine.compiled import compiled
from sims.engine.memory import floats, outcome, smalls
from sims.engine.records import NONE, World
from sims.engine.run import SHED


@compiled
def has_room(w: World, row: int, index: int) -> bool:
    """Whether a replica may compute an arrival's prompt and has a place and the KV for it, as the router sees it."""
    table, at = floats(w.table_), row * WIDTH
    if table[at + READY] == 0.0 or table[at + MODEL] != smalls(w.models_)[index]:
        return False
    if table[at + ROLE] != MIXED and table[at + ROLE] != PREFILL:
        return False
    places = table[at + RUNNING] + table[at + WAITING] < table[at + MAX_SEQS]
    return bool(places and table[at + KV_USED] + smalls(w.prompts_)[index] <= table[at + KV_TOKENS])


@compiled
def any_room(w: World, index: int) -> bool:
    """Whether any replica has room for an arrival."""
    row = 0
    while row < w.replicas and not has_room(w, row, index):
        row += 1
    return row < w.replicas


@compiled
def first_in(w: World, queue: int) -> int:
    """The arrival that has been longest in a queue, or NONE."""
    return int(smalls(w.first_held_)[queue])


@compiled
def first_held(w: World, model: int) -> int:
    """The arrival of a model that is served next: of those of the best rank the one held longest; or NONE."""
    queue, end = model * w.ranks, (model + 1) * w.ranks
    while queue < end and first_in(w, queue) == NONE:
        queue += 1
    return first_in(w, queue) if queue < end else NONE


@compiled
def queue_of(w: World, index: int) -> int:
    """The queue in which an arrival is held."""
    return int(smalls(w.models_)[index] * w.ranks + smalls(w.ranks_)[index])


@compiled
def hold(w: World, index: int) -> None:
    """Hold an arrival, the last of its queue."""
    queue, following = queue_of(w, index), smalls(w.next_held_)
    following[index] = NONE
    if first_in(w, queue) == NONE:
        smalls(w.first_held_)[queue] = index
    else:
        following[smalls(w.last_held_)[queue]] = index
    smalls(w.last_held_)[queue] = index
    w.held += 1


@compiled
def let_go(w: World, queue: int) -> int:
    """Take the first one of a queue out."""
    index = first_in(w, queue)
    smalls(w.first_held_)[queue] = smalls(w.next_held_)[index]
    w.held -= 1
    return index


@compiled
def patience(w: World) -> float:
    """When the next one held has waited for too long; inf where nobody will."""
    at = inf
    if w.held > 0 and w.queue_s > 0.0:
        for queue in range(w.models * w.ranks):
            if first_in(w, queue) != NONE:
                at = min(at, outcome(w, first_in(w, queue)).at + w.queue_s)
    return at


@compiled
def shed(w: World) -> None:
    """Refuse all who have waited for too long by now."""
    for queue in range(w.models * w.ranks):
        while first_in(w, queue) != NONE and outcome(w, first_in(w, queue)).at + w.queue_s <= w.now:
            drop(w, queue)


@compiled
def drop(w: World, queue: int) -> None:
    """Turn the first one of a queue away."""
    index = let_go(w, queue)
    w.missing -= 1
    w.in_flight -= 1
    turn_away(w, index)


@compiled
def turn_away(w: World, index: int) -> None:
    """Say that there is no room for an arrival."""
    outcome(w, index).state = SHED
    line.ended(w, index, w.now)


@compiled
def make_way(w: World, index: int) -> bool:
    """Turn away somebody held who is served later than an arrival, the worst rank first; whether there was one."""
    for rank in range(w.ranks - 1, smalls(w.ranks_)[index], -1):
        for model in range(w.models):
            if first_in(w, model * w.ranks + rank) != NONE:
                drop(w, model * w.ranks + rank)
                return True
    return False
