"""One request between its decision and its last token: its record taken, written down and given back."""

from sims.engine import line, view
from sims.engine.compiled import compiled
from sims.engine.memory import flight, outcome, smalls
from sims.engine.records import NONE, Engine, Flight, World
from sims.engine.run import SERVED


@compiled
def taken(w: World) -> int:
    """A record that is free."""
    index = w.spare
    if index == NONE:
        index = w.flights
        w.flights += 1
    else:
        w.spare = flight(w, index).next
    return index


@compiled
def prepare(w: World, f: Flight, index: int) -> None:
    """Make a record that of an arrival."""
    f.index = index
    f.prompt = f.target = smalls(w.prompts_)[index]
    f.output = smalls(w.outputs_)[index]
    f.emitted = f.computed = f.kv = f.named = f.preemptions = 0
    f.cached = NONE
    f.carried = 0
    f.visual = smalls(w.visuals_)[index]
    f.encoder = NONE
    f.model = smalls(w.models_)[index]


@compiled
def started(w: World, f: Flight, at: float) -> None:
    """Its first token came; of a prompt that was handed over the router knew that it is computed."""
    f.first = at
    if not view.handed_over(w, f):
        view.started(w, f)


@compiled
def finished(w: World, e: Engine, index: int, at: float) -> None:
    """Its last token came: it is written down, its record free."""
    f = flight(w, index)
    view.ended(w, f)
    line.ended(w, f.index, at)
    e.served += 1
    w.in_flight -= 1
    o = outcome(w, f.index)
    o.admitted, o.first, o.end = f.admitted, f.first, at
    o.cached, o.preemptions, o.state = f.cached, f.preemptions, SERVED
    give_back(w, index)


@compiled
def give_back(w: World, index: int) -> None:
    """Make a record free."""
    flight(w, index).next = w.spare
    w.spare = index
