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
from policies.select.rules.values import Numbers, Words

EMPTY, SHOWN, UNDECIDED = "empty", "shown", "undecided"
MOST_CAPS = 256  # choices of one example an anchor that are gone through


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
        if caps and self.vectors is not None and not self._caps(caps):
            return Shown(state=EMPTY)
        made = request(crisp, self._texts(needed))
        if made is None:
            return Shown(state=UNDECIDED, why="no request was found that reads so", readings=in_words(box))
        told = as_request(made)
        if not needed:
            return Shown(state=SHOWN, request=told)
        readings = in_words(needed)
        if len(caps) == len(needed) and self.vectors is not None:
            return Shown(state=SHOWN, why="the caps meet", request=told, readings=readings)
        return Shown(state=UNDECIDED, why=_undecided(self.space.learned(needed), caps), request=told, readings=readings)

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

    def _caps(self, caps: Mapping[str, Numbers]) -> bool:
        """Whether the caps of several anchors meet: from below one example of each has to, from above all of them."""
        assert self.vectors is not None
        stacked = np.concatenate([self.vectors[name] for name in caps])
        high = np.concatenate([np.full(len(self.vectors[name]), values.most()) for name, values in caps.items()])
        picks = [range(len(self.vectors[name])) if values.least() > -1.0 else range(1) for name, values in caps.items()]
        for pick in islice(product(*picks), MOST_CAPS):
            low = np.full(len(stacked), -1.0)
            at = 0
            for (name, values), chosen in zip(caps.items(), pick, strict=True):
                low[at + chosen] = values.least()
                at += len(self.vectors[name])
            if caps_meet(stacked, low, high).meet:
                return True
        return False


def _undecided(learned: Sequence[str], caps: Mapping[str, Numbers]) -> str:
    if len(caps) == len(learned):
        return "no encoder is here to measure the anchors with"
    return f"what {', '.join(learned)} say of a text cannot be proved"
