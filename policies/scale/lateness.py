"""What missed its deadlines lately corrects the law that staffs: how many times its replicas are right."""

from dataclasses import dataclass
from typing import Self

from policies.scale.horizontal import recent
from policies.scale.scaling import History

STEEP = 2.5
"""The share of late answers goes as the load of a replica to this power: 2.2 to 2.8 over a simulated week."""

BELIEF = 2000.0
"""The law's own word weighs as much as so many answers."""

LEAST, MOST = 0.5, 2.0
"""Bounds of the correction, and of what is allowed to make up for the day, in shares of themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Answers of a pool that ended over some seconds, and the replicas that gave them."""

    judged: int
    late: int
    replicas: float  # ready, on average

    @classmethod
    def of(cls, history: History, pool: str, now: float, seconds: float) -> Self:
        """The last seconds, or as many as there are."""
        judged = late = ready = count = 0
        for state in recent(history, pool, now, seconds):
            judged, late, ready, count = judged + state.judged, late + state.late, ready + state.ready, count + 1
        return cls(judged=judged, late=late, replicas=ready / max(count, 1))

    @property
    def share(self) -> float:
        """The share that was late; 0 of none."""
        return self.late / max(self.judged, 1)


def allowance(day: Seen, allowed: float) -> float:
    """The share that may be late from now on, so that two such spans together keep to what is allowed."""
    if not day.judged:
        return allowed
    return allowed * min(max(2.0 - day.share / allowed, LEAST), MOST)


def correction(seen: Seen, law: float, allowed: float) -> float:
    """How many times the replicas of the law keep the late to a share; `law` is what it said of the traffic seen.

    Where nothing is known of lateness the law stands.
    """
    if not seen.judged or seen.replicas <= 0.0 or law <= 0.0:
        return 1.0
    expected = seen.judged * (law / seen.replicas) ** STEEP  # times the share that the law leads to
    found = (seen.late / allowed + BELIEF) / (expected + BELIEF)
    return min(max(found ** (1.0 / STEEP), LEAST), MOST)
