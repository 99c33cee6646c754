"""The way back from zero, one for every scaling policy, live and simulated: who counts those held, and who starts.

Where somebody serves a model its pools share those who are held, for each takes the others' requests, and what is done
about them is the policy's business. Where nobody does, one replica is enough to go on: they count at the pools that are
coming, else at the cheapest that would do. That is woken: until somebody is ready there a replica at least is wanted
(`scaling.scale` sees to it), whatever a policy goes by: with nobody there most of what is measured is nothing.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from itertools import product
from math import inf

from policies.scale.scaling import History, PoolState

PATIENCE_S = 900.0
"""A pool that was asked for so long and has nobody ready does not come: the next one is tried."""

PROMPTS, ANSWERS = frozenset({"prefill"}), frozenset({"decode", "encode+decode"})


class Standing(Enum):
    """What may be expected of a pool."""

    SERVES = "somebody is ready, or was lately and comes back"
    COMES = "it was asked for lately"
    AWAY = "nobody is there or asked for"
    LOST = "it was asked for in vain"


def awaited(
    history: History, found: Mapping[str, PoolState], held: float, may: Container[str] | None = None
) -> dict[str, PoolState]:
    """The states of pools that serve the same, with those held added; `history` is what was seen before.

    `may` names the pools that can be started, where that is not every one.
    """
    made = dict(found)
    if held <= 0.0 or not found:
        return made
    standings = {pool: standing(history, state) for pool, state in found.items()}
    there = {pool for pool in found if standings[pool] is Standing.SERVES}
    coming = there | {pool for pool in found if standings[pool] is Standing.COMES}
    if _serve(found[pool] for pool in there):
        where, wakes = set(found), False
    elif _serve(found[pool] for pool in coming):
        where, wakes = coming, True
    else:
        where, wakes = set(_cheapest(found, standings, may)) or set(found), True
    for pool in where:
        state = found[pool]
        starts = wakes and not state.ready and state.most > 0
        made[pool] = replace(state, held=state.held + held / len(where), wakes=state.wakes or starts)
    return made


def standing(history: History, state: PoolState) -> Standing:
    """What may be expected of a pool, by what was seen of it before."""
    if state.ready:
        return Standing.SERVES
    if not state.starting and state.wanted < 1:
        return Standing.AWAY
    for before in _before(history, state.pool):
        if before.ready:
            return Standing.SERVES if state.starting else Standing.COMES
        if not before.starting and before.wanted < 1:
            break
        if state.at - before.at >= PATIENCE_S:
            return Standing.LOST
    return Standing.COMES


def _before(history: History, pool: str) -> Iterator[PoolState]:
    """The states of a pool, latest first."""
    for states in reversed(history):
        if pool not in states:
            return
        yield states[pool]


def _serve(states: Iterator[PoolState]) -> bool:
    """Whether requests are served by replicas of such roles."""
    roles = {state.role for state in states}
    return "mixed" in roles or bool(roles & PROMPTS and roles & ANSWERS)


def _cheapest(
    found: Mapping[str, PoolState], standings: Mapping[str, Standing], may: Container[str] | None
) -> tuple[str, ...]:
    """The pools of which one replica each would do: those that cost least an hour, and may yet come."""
    present = {Standing.SERVES, Standing.COMES}
    able = [pool for pool, state in found.items() if state.most > 0 and (may is None or pool in may)]

    def of(roles: Container[str]) -> list[str]:
        return [pool for pool in able if found[pool].role in roles]

    def burden(way: tuple[str, ...]) -> tuple[bool, float, tuple[str, ...]]:
        lost = any(standings[pool] is Standing.LOST for pool in way)
        return lost, sum(_price(found[pool]) for pool in way if standings[pool] not in present), way

    return min([*product(of({"mixed"})), *product(of(PROMPTS), of(ANSWERS))], key=burden, default=())


def _price(state: PoolState) -> float:
    return state.perf.price_per_hour if state.perf is not None else inf
