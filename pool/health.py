"""Whether a replica may be sent work, with hysteresis. Pure."""

from dataclasses import dataclass

NOT_ASKED = "not asked yet"


@dataclass(slots=True, kw_only=True)
class Readiness:
    """Ready after one success; unready after `failures` in a row, or at once when nobody listens."""

    failures: int = 3
    ready: bool = False
    reason: str = NOT_ASKED  # why it is not ready
    failed: int = 0  # failures in a row

    @property
    def asked(self) -> bool:
        """Whether it was asked at all."""
        return self.ready or self.reason != NOT_ASKED

    def succeeded(self) -> bool:
        """It answered; True when that makes it ready."""
        was, self.ready = self.ready, True
        self.reason, self.failed = "", 0
        return not was

    def refused(self, reason: str) -> bool:
        """Nobody listens there; True when that makes it unready."""
        self.failed = max(self.failures - 1, self.failed)
        return self.missed(reason)

    def missed(self, reason: str) -> bool:
        """It did not answer as it should; True when that makes it unready."""
        self.failed += 1
        if self.failed < self.failures and self.ready:
            return False
        was, self.ready, self.reason = self.ready, False, reason
        return was
