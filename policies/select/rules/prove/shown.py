"""Whether a box is empty, has a request that shows it, or cannot be decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import cast

import numpy as np

from policies.select.rules.known import NEAR, PARTITION
from policies.select.rules.prove.boxes import Box, Space
from policies.select.rules.prove.caps import Vectors, caps_meet
from policies.select.rules.prove.finding import Request, as_request, in_words
from policies.select.rules.prove.phrases import EVERY
from policies.select.rules.prove.scores import sayable
from policies.select.rules.prove.witness import request
from policies.select.rules.rule import RuleSet
from policies.select.rules.values import Numbers, Span, Words

EMPTY, SHOWN, UNDECIDED = "empty", "shown", "undecided"
MOST_CAPS = 1024  # choices of one example an anchor that are gone through, some 2 ms each


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is known of a box, and why."""

    state: str
    why: str = ""
    request: Request | None = None
    readings: Mapping[str, str] = field(default_factory=dict)


class Judge:
    """Looks at boxes; `vectors` are the embeddings of each anchor's examples, where an encoder was there."""

    def __init__(self, rules: RuleSet, space: Space, vectors: Mapping[str, Vectors] | None = None) -> None:
        self.rules, self.space, self.vectors = rules, space, vectors

    def any(self, boxes: Sequence[Box]) -> Shown:
        """What is known of all of them together: a request that lies in one settles it."""
        undecided: Shown | None = None
        for box in boxes:
            found = self.look(box)
            if found.state == SHOWN:
                return found
            if found.state == UNDECIDED and (undecided is None or undecided.request is None):
                undecided = found
        return undecided or Shown(state=EMPTY)

    def look(self, box: Box) -> Shown:
        """What is known of one box."""
        if not self._sayable(box):
            return Shown(state=EMPTY)
        crisp = {variable: values for variable, values in box.items() if not self.space.learned({variable: values})}
        guessed = {variable: values for variable, values in box.items() if variable not in crisp}
        needed = {variable: values for variable, values in guessed.items() if not values.unknown}
        caps = {variable.signal.removeprefix(NEAR): cast("Numbers", values) for variable, values in needed.items()
                if variable.signal.startswith(NEAR)}  # fmt: skip
        meet = self._caps(caps) if caps and self.vectors is not None else None
        if meet is False:
            return Shown(state=EMPTY)
        made = request(crisp, self._texts(needed))
        if made is None:
            return Shown(state=UNDECIDED, why="no request was found that reads so", readings=in_words(box))
        told = as_request(made)
        if not needed:
            return Shown(state=SHOWN, request=told)
        readings = in_words(needed)
        if len(caps) == len(needed) and meet:
            return Shown(state=SHOWN, why="the caps meet", request=told, readings=readings)
        why = self._undecided(self.space.learned(needed), caps)
        return Shown(state=UNDECIDED, why=why, request=told, readings=readings)

    def _sayable(self, box: Box) -> bool:
        signals = {variable.signal for variable in box}
        return all(
            sayable(name, self.space.known[name].labels, box)
            for name in signals
            if name in self.space.known and self.space.known[name].learned and self.space.known[name].labels
        )

    def _texts(self, needed: Box) -> Sequence[str]:
        """Texts to ask with: the examples of the anchors that a box wants, before all others."""
        wanted = [variable.signal.removeprefix(NEAR) for variable in needed if variable.signal.startswith(NEAR)]
        cells = [cast("Words", values).words for variable, values in needed.items()
                 if variable.signal.startswith(PARTITION)]  # fmt: skip
        names = [*wanted, *(name for cell in cells for name in sorted(cell))]
        return [text for name in names for text in self.rules.anchors[name].examples] + list(EVERY)

    def _undecided(self, learned: Sequence[str], caps: Mapping[str, Numbers]) -> str:
        if len(caps) != len(learned):
            return f"what {', '.join(learned)} say of a text cannot be proved"
        if self.vectors is None:
            return "no encoder is here to measure the anchors with"
        return f"their anchors have too many examples to go through ({MOST_CAPS} choices of one each): give fewer"

    def _caps(self, caps: Mapping[str, Numbers]) -> bool | None:
        """Whether the caps of several anchors meet: from below one example of each has to, from above all of them.

        None where too many choices of examples would have to be gone through, or one cannot be told.
        """
        assert self.vectors is not None
        vectors = [self.vectors[name] for name in caps]
        picks = product(*(_picks(len(own), values) for own, values in zip(vectors, caps.values(), strict=True)))
        apart = True
        for pick in islice(picks, MOST_CAPS):
            low, high = (np.concatenate(bounds) for bounds in zip(*map(_bounds, vectors, pick), strict=True))
            found = caps_meet(np.concatenate(vectors), low, high)
            if found.meet:
                return True
            apart &= found.apart
        return False if apart and next(picks, None) is None else None


def _picks(examples: int, values: Numbers) -> list[tuple[int, Span]]:
    """Which example is as near as a span asks for, for every span; any of them where it asks for nothing."""
    return [(at, span) for span in values.spans for at in range(examples if span[0] > -1.0 else 1)]


def _bounds(vectors: Vectors, pick: tuple[int, Span]) -> tuple[Vectors, Vectors]:
    """The least and the largest cosine with every example of one anchor."""
    at, (least, most) = pick
    low = np.full(len(vectors), -1.0)
    low[at] = least
    return low, np.full(len(vectors), most)
