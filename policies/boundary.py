"""Two pools of one model by length: prompts of up to a boundary to the one, longer ones to the other.

A preference, not a wall: whoever is found on the other side only is found there, and so is whoever would be late where
he belongs and in time beyond. It stands before every routing policy alike: the rows of the other side are hidden from
the kernel, which knows nothing of it, and are looked at when that has not answered in time.
"""

from collections.abc import Callable
from typing import Any

from policies.cached import Cached
from policies.compilable import compilable
from policies.fleet import BOUND_TOKENS, MODEL, READY, Table
from policies.predict import tpot_seconds
from policies.request import Ask
from policies.split import first_token_seconds, partner

Chooses = Callable[[Ask, Table, Cached, Any, float], tuple[int, float]]
"""What a policy's kernel is: the chosen row (-1: none) and the choice's propensity."""

HIDDEN = -1.0
"""What the `ready` column of a row holds while it is hidden; of a row that is ready, so that it can be shown again."""

ROOM = 0.9
"""Share of the boundary that a prompt is compressed to: how many tokens a text will be is an estimate."""


@compilable
def beyond(ask: Ask, fleet: Table, i: int) -> bool:
    """Whether replica i is of the other side: its `bound_tokens` is the most its prompts have, or, where it is
    negative, what they have more than; 0 takes all.
    """
    bound = fleet[i, BOUND_TOKENS]
    return bool((bound > 0.0 and ask.prompt_tokens > bound) or (bound < 0.0 and ask.prompt_tokens <= -bound))


@compilable
def fence(ask: Ask, fleet: Table) -> int:
    """Hide the ready replicas of the request's model that are of the other side; returns how many."""
    hidden = 0
    for i in range(len(fleet)):
        if fleet[i, BOUND_TOKENS] == 0.0:
            continue
        if fleet[i, READY] > 0.0 and fleet[i, MODEL] == ask.model and beyond(ask, fleet, i):
            fleet[i, READY] = HIDDEN
            hidden += 1
    return hidden


@compilable
def unfence(fleet: Table) -> None:
    """Show them again."""
    for i in range(len(fleet)):
        if fleet[i, READY] == HIDDEN:
            fleet[i, READY] = 1.0


@compilable
def in_time(ask: Ask, fleet: Table, cached: Cached, i: int) -> bool:
    """Whether a request is predicted to keep both its deadlines on replica i."""
    decode = partner(ask, fleet, i)
    if first_token_seconds(ask, fleet, cached, i, decode) > ask.ttft_deadline_s:
        return False
    return bool(tpot_seconds(ask, fleet, decode) <= ask.tpot_deadline_s)


def bounded(kernel: Chooses) -> Chooses:
    """A kernel behind the fence; of a compiled kernel this is to be compiled as well."""

    def chosen(ask: Ask, fleet: Table, cached: Cached, settings: Any, now: float) -> tuple[int, float]:
        row, propensity, hidden = -1, 0.0, fence(ask, fleet)
        for last in range(2):
            found, share = kernel(ask, fleet, cached, settings, now)
            if hidden > 0 and last == 0:
                unfence(fleet)
            if row < 0 or (found >= 0 and in_time(ask, fleet, cached, found)):
                row, propensity = found, share
            if hidden == 0 or (row >= 0 and last == 0 and in_time(ask, fleet, cached, row)):
                break
        return row, propensity

    return chosen


@compilable
def squeezed_tokens(prompt_tokens: float, boundary: float, gamma: float) -> float:
    """What a prompt that may be compressed is compressed to; as many tokens as before where it is not to be."""
    return ROOM * boundary if boundary < prompt_tokens <= gamma * boundary else prompt_tokens
