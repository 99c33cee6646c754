"""The cheap model first; a dearer one when the answer is doubtful and there is time for it (AutoMix; WRP O14).

Nothing here is asked once the client has a byte: what was said is not taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import NamedTuple

from policies.select.port import Option


class Act(Enum):
    """What becomes of a cheap answer."""

    KEEP = "keep"
    ESCALATE = "escalate"
    COMPRESS = "compress"  # a shorter prompt to the dear model: less to compute before the first token
    MIDDLE = "middle"  # a model in between, whose pool has time


class Depth(NamedTuple):
    """How busy the pool of one option is."""

    waiting: float  # requests ahead
    service_s: float  # mean seconds that one keeps a slot busy, over the pool's slots


class Step(NamedTuple):
    """What to do, on which option, and why."""

    act: Act
    option: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """When a cheap answer is good enough."""

    threshold: float = 0.7  # confidence below which an answer is doubtful
    unsure: float = 0.0  # the confidence of an answer that nobody could judge: 0 escalates it, 1 keeps it
    value_usd: float = 0.01  # of quality 1
    grace_s: float = 0.0  # by which the first token may be late
    compressed: float = 0.5  # what compression leaves of a prompt's seconds

    def start(self, options: Sequence[Option]) -> int:
        """The cheapest; of equals the fastest."""
        return min(range(len(options)), key=lambda i: (options[i].usd, options[i].ttft_s, i))

    def next(
        self,
        at: int,
        confidence: float,
        options: Sequence[Option],
        depths: Sequence[Depth],
        left_s: float,
        *,
        quality: Sequence[float] = (),
        bytes_sent: bool = False,
    ) -> Step:
        """What becomes of the answer of option `at`; `left_s`: the SLO's seconds to the first token that remain."""
        sure = confidence if isfinite(confidence) else self.unsure
        if bytes_sent:
            return Step(Act.KEEP, at, "the client has bytes")
        if sure >= self.threshold:
            return Step(Act.KEEP, at, "confident")
        dearer = self._worth_it(at, sure, options, quality)
        if not dearer:
            return Step(Act.KEEP, at, "nothing dearer is worth its price")
        return self._in_time(at, dearer, options, depths, left_s + self.grace_s)

    def _worth_it(self, at: int, sure: float, options: Sequence[Option], quality: Sequence[float]) -> list[int]:
        """Dearer options whose expected gain pays for them, the best first; without expectations, the dearest first."""
        dearer = [i for i, option in enumerate(options) if option.usd > options[at].usd]
        if not quality:
            return sorted(dearer, key=lambda i: -options[i].usd)
        gains = {i: self.value_usd * (quality[i] - sure) - options[i].usd for i in dearer}
        return sorted((i for i in dearer if gains[i] > 0.0), key=lambda i: -gains[i])

    def _in_time(
        self, at: int, dearer: Sequence[int], options: Sequence[Option], depths: Sequence[Depth], left_s: float
    ) -> Step:
        best = dearer[0]
        wait = depths[best].waiting * depths[best].service_s
        if wait < left_s and wait + options[best].ttft_s <= left_s:
            return Step(Act.ESCALATE, best, "doubtful, and there is time")
        if wait < left_s and wait + self.compressed * options[best].ttft_s <= left_s:
            return Step(Act.COMPRESS, best, "doubtful, and there is time for a shorter prompt")
        for other in dearer[1:]:
            if depths[other].waiting * depths[other].service_s + options[other].ttft_s <= left_s:
                return Step(Act.MIDDLE, other, "doubtful, and the best pool is too busy")
        return Step(Act.KEEP, at, "doubtful, and no pool has time")
