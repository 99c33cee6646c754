"""Heads grouped by what is computed once for all of them: linear ones of a tier, and the others one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.signals.learned import LEARNED
from policies.signals.reading import Reading
from router.classify.features import Seen
from router.classify.lengths import Lengths
from router.classify.linear import Linear
from router.classify.port import Head, Reads
from router.classify.stack import Stack

UP = "yes"  # the label of a flag's head that is up, unless it is named like the signal


Read = Callable[[Seen], Mapping[str, Sequence[Reading]]]
"""By signal, one reading a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Signals of one tier that are read together."""

    tier: str
    names: frozenset[str]
    read: Read


def grouped(heads: Mapping[str, Head]) -> list[Group]:
    """All heads in groups: a stack of linear ones for every tier, and every other head by itself."""
    stacked: dict[str, list[Linear]] = {}
    alone: dict[int, list[str]] = {}
    for name, head in heads.items():
        if isinstance(head, Linear):
            stacked.setdefault(head.tier, []).append(replace(head, name=name))
        else:
            alone.setdefault(id(head), []).append(name)
    groups = [_stack(tier, several) for tier, several in stacked.items()]
    return [*groups, *(_alone(heads[names[0]], names) for names in alone.values())]


def _stack(tier: str, heads: Sequence[Linear]) -> Group:
    return Group(tier=tier, names=frozenset(head.name for head in heads), read=Stack(heads).readings)


def _alone(head: Head, names: Sequence[str]) -> Group:
    read = _of_lengths(head) if isinstance(head, Lengths) else _of_single(head, names[0])
    return Group(tier=head.tier, names=frozenset(names), read=read)


def _of_lengths(lengths: Lengths) -> Read:
    stack = Stack([lengths.of_any()])
    return lambda seen: lengths.by_name(stack.scores(seen)[:, 0], seen)


def _of_single(head: Head, name: str) -> Read:
    assert isinstance(head, Reads), f"{name} is neither a head of one signal nor lengths"
    return lambda seen: {name: head.readings(seen)}


def as_told(name: str, reading: Reading) -> Reading:
    """A reading in its signal's form: a flag or a number is the score that is its own, not the likelier of labels."""
    if name not in LEARNED or LEARNED[name].kind not in ("flag", "number") or not reading.scores:
        return reading
    own = next((label for label in (name, UP) if label in reading.scores), "")
    return Reading(reading.scores[own]) if own else reading
