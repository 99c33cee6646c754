"""Which of several leads, by a Lease: whoever holds it acts, and stops before another can. Pure: no clock, no I/O.

Times in a Lease are another machine's: they are only compared with one another. How long a holder has been silent is
counted here, from when its last word was first seen, so clocks may differ as they like.
"""

from dataclasses import dataclass

LEASE_S = 15.0  # a holder that is silent for so long is gone
RENEW_S = 2.0
SURE_S = 10.0  # a holder that could not renew for so long does nothing any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A Lease as it was read."""

    holder: str
    renewed: str  # its last word, whatever it says
    lease_s: float = LEASE_S


@dataclass(slots=True, kw_only=True)
class Election:
    """One candidate."""

    me: str
    last: Held | None = None
    last_at: float = 0.0
    renewed_at: float | None = None  # when this one last began a renewal that succeeded

    def saw(self, held: Held | None, now: float) -> None:
        """The Lease as it is now."""
        if held != self.last:
            self.last, self.last_at = held, now

    def may_take(self, now: float) -> bool:
        """Whether the Lease is this one's or nobody's any more."""
        held = self.last
        return held is None or held.holder in (self.me, "") or now - self.last_at > held.lease_s

    def renewed(self, began: float) -> None:
        """A renewal that began then has succeeded."""
        self.renewed_at = began

    def lost(self) -> None:
        """Another holds it."""
        self.renewed_at = None

    def leads(self, now: float) -> bool:
        """Whether this one may act."""
        return self.renewed_at is not None and now - self.renewed_at < SURE_S
