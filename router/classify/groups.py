"""Heads grouped by what is computed once for all of them: those of a tier, and the others one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.signals.learned import LEARNED
from policies.signals.reading import Reading
from router.classify.features import Seen
from router.classify.lengths import ANY, HEAVY, NAMES, Lengths
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
    """All heads in groups: those of a tier that are scored together, and every other head by itself."""
    stacked: dict[str, list[Linear]] = {}
    lengths: dict[str, dict[int, Lengths]] = {}
    groups = []
    for name, head in heads.items():
        if isinstance(head, Linear):
            stacked.setdefault(head.tier, []).append(replace(head, name=name))
        elif isinstance(head, Lengths):
            lengths.setdefault(head.tier, {})[id(head)] = head
        else:
            groups.append(Group(tier=head.tier, names=frozenset((name,)), read=_of_single(head, name)))
    tiers = dict.fromkeys((*stacked, *lengths))
    return [*(_stack(tier, stacked.get(tier, ()), list(lengths.get(tier, {}).values())) for tier in tiers), *groups]


def _stack(tier: str, heads: Sequence[Linear], lengths: Sequence[Lengths]) -> Group:
    """Linear heads, and lengths by what their one line says of any model, as one matrix."""
    stack = Stack([*heads, *(each.of_any() for each in lengths)])
    labels = sum(len(head.labels) for head in heads)

    def read(seen: Seen) -> Mapping[str, Sequence[Reading]]:
        scores = stack.scores(seen)
        told: dict[str, Sequence[Reading]] = {**stack.readings(scores)}
        told.pop(ANY, None)
        for at, each in enumerate(lengths):
            told |= each.by_name(scores[:, labels + at], seen)
        return told

    names = [head.name for head in heads] + [name for _ in lengths for name in (*NAMES, HEAVY)]
    return Group(tier=tier, names=frozenset(names), read=read)


def _of_single(head: Head, name: str) -> Read:
    assert isinstance(head, Reads), f"{name} is neither a head of one signal nor lengths"
    return lambda seen: {name: head.readings(seen)}


def as_told(name: str, reading: Reading) -> Reading:
    """A reading in its signal's form: a flag or a number is the score that is its own, not the likelier of labels."""
    if name not in LEARNED or LEARNED[name].kind not in ("flag", "number") or not reading.scores:
        return reading
    own = next((label for label in (name, UP) if label in reading.scores), "")
    return Reading(reading.scores[own]) if own else reading
