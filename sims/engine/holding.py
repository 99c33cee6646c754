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
def first_held(w: World, model: int) -> int:
    """The arrival of a model that has been held longest, or NONE."""
    return int(smalls(w.first_held_)[model])


@compiled
def hold(w: World, index: int) -> None:
    """Hold an arrival, the last of its model."""
    model, following = smalls(w.models_)[index], smalls(w.next_held_)
    following[index] = NONE
    if first_held(w, model) == NONE:
        smalls(w.first_held_)[model] = index
    else:
        following[smalls(w.last_held_)[model]] = index
    smalls(w.last_held_)[model] = index
    w.held += 1


@compiled
def let_go(w: World, model: int) -> int:
    """Take the first one held of a model out."""
    index = first_held(w, model)
    smalls(w.first_held_)[model] = smalls(w.next_held_)[index]
    w.held -= 1
    return index


@compiled
def patience(w: World) -> float:
    """When the next one held has waited for too long; inf where nobody will."""
    at = inf
    if w.held > 0 and w.queue_s > 0.0:
        for model in range(w.models):
            if first_held(w, model) != NONE:
                at = min(at, outcome(w, first_held(w, model)).at + w.queue_s)
    return at


@compiled
def shed(w: World) -> None:
    """Refuse all who have waited for too long by now."""
    for model in range(w.models):
        while first_held(w, model) != NONE and outcome(w, first_held(w, model)).at + w.queue_s <= w.now:
            index = let_go(w, model)
            outcome(w, index).state = SHED
            w.missing -= 1
            line.ended(w, index, w.now)
