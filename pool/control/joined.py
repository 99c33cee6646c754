"""What engines say of a pool and what routers say of it, put together for a scaling policy. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from policies.scale.lengths import CLASSES
from policies.scale.scaling import PoolState
from pool.routed import NONE, Counts, Totals

MISSED, FEW = 0.1, 16
"""Engines that count a share less than routers, and more than a few, have restarted or left meanwhile."""


def joined(
    found: Mapping[str, PoolState], pools: Mapping[str, str], totals: Totals, before: Totals,
    wanted: Mapping[str, int],
) -> dict[str, PoolState]:  # fmt: skip
    """The states of one model's pools; `pools` says whose pool a state's replicas are."""
    made = {}
    for key, state in found.items():
        which = pools[key], state.role
        told = totals.get(which, NONE).since(before.get(which, NONE))
        made[key] = replace(
            _counted(state, told), judged=told.judged, late=told.late,
            wanted=wanted.get(key, -1), lengths=whole(told.lengths), answered=whole(told.answered),
            answer_tokens=tuple(map(float, whole(told.answer_tokens))),
        )  # fmt: skip
    return made


def whole(counts: tuple[int, ...]) -> tuple[int, ...]:
    """A count for every class of length; none where nothing is said."""
    return (*counts, *(0 for _ in range(CLASSES - len(counts)))) if counts else ()


def _counted(state: PoolState, told: Counts) -> PoolState:
    """Engines count tokens exactly, and others' requests too: their word goes first where they say all of it."""
    missed = max(told.arrived - state.arrived, told.ended - state.ended)
    if (state.arrived or state.ended) and missed <= FEW + MISSED * max(told.arrived, told.ended):
        return state
    return replace(
        state, arrived=told.arrived, prompt_tokens=float(told.prompt_tokens), ended=told.ended,
        output_tokens=float(told.output_tokens),
    )  # fmt: skip
