"""Which knobs are turned next: one of those that move each other, and none beside one that is being tried. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from policies.adapt.analysis import Symptom
from policies.adapt.knobs import Failure, Knob, coupled_with, cures


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A knob that may cure a symptom: to be turned, or why not now."""

    knob: Knob
    cures: Failure
    turn: bool
    why: str


def plan(
    found: Sequence[Symptom], tried: Collection[str] = (), out: Mapping[str, str] = MappingProxyType({})
) -> list[Step]:
    """Steps for each symptom in turn, the worst first; `tried` are knobs whose canary runs, `out` those that are not
    to be turned, with the reason.

    A symptom takes the first knob that is free. So no two knobs that move each other are turned at once, and what came
    of a turn can be told.
    """
    steps: list[Step] = []
    for symptom in found:
        for knob in cures(symptom.failure):
            if any(each.knob is knob for each in steps):
                continue
            why = _held(knob, tried, [each.knob.name for each in steps if each.turn], out)
            steps.append(Step(knob=knob, cures=symptom.failure, turn=not why, why=why or _because(symptom)))
            if not why:
                break
    return steps


def _held(knob: Knob, tried: Collection[str], turned: Collection[str], out: Mapping[str, str]) -> str:
    """Why a knob is not turned now; empty when it may be."""
    if knob.name in out:
        return out[knob.name]
    if knob.name in tried:
        return "its canary runs"
    if moved := coupled_with(knob.name, tried):
        return f"the canary of {moved[0]} runs, and each moves the other's best setting"
    if moved := coupled_with(knob.name, turned):
        return f"{moved[0]} is turned first, and each moves the other's best setting"
    return ""


def _because(symptom: Symptom) -> str:
    count = symptom.count
    return f"{count.share:.1%} {symptom.failure.value} of {count.known}, where {symptom.limit:.0%} may be"
