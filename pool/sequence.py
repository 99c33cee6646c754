"""Where a replica's event stream stands: what a frame's sequence number means. Pure."""

from dataclasses import dataclass
from enum import Enum

UNSEEN = -1


class Verdict(Enum):
    """What to do with a frame."""

    NEXT = "next"  # apply it
    SEEN = "seen"  # a replay has brought it already
    GAP = "gap"  # frames between the last one and this one are missing
    RESET = "reset"  # the publisher started again


@dataclass(slots=True, kw_only=True)
class Cursor:
    """The last frame applied, and the last one that came by the live stream."""

    last: int = UNSEEN
    at: float = 0.0  # the publisher's clock at `last`
    live: int = UNSEEN

    @property
    def wanted(self) -> int:
        """The sequence number that comes next."""
        return self.last + 1

    def judge(self, sequence: int, at: float) -> Verdict:
        """What a live frame is. A publisher counts from 0, never backwards, and its clock goes with its count."""
        if sequence == self.wanted:
            return Verdict.NEXT
        if sequence > self.wanted:
            return Verdict.GAP
        again = sequence <= self.live or (at > self.at and self.at > 0.0)
        return Verdict.RESET if again else Verdict.SEEN

    def heard(self, sequence: int) -> None:
        """A frame came by the live stream."""
        self.live = sequence

    def advance(self, sequence: int, at: float) -> None:
        """A frame was applied."""
        self.last = sequence
        self.at = at or self.at

    def restart(self) -> None:
        """Nothing of this publisher has been seen."""
        self.last, self.at, self.live = UNSEEN, 0.0, UNSEEN
