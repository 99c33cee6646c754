"""How often something may be another before it is made to wait. Pure: who asks says what time it is."""

from dataclasses import dataclass, field

AT_ONCE, EVERY_S = 4, 15.0


@dataclass(slots=True)
class Damper:
    """Some changes of each thing at once, then one every so often; the one that waits is the last that came."""

    at_once: float = AT_ONCE
    every_s: float = EVERY_S
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # changes left, as of when

    def allows(self, name: str, now: float) -> bool:
        """Whether it may change now; if so it has."""
        left, at = self._left.get(name, (self.at_once, now))
        left = min(left + (now - at) / self.every_s, self.at_once)
        allowed = left >= 1.0
        self._left[name] = (left - allowed, now)
        return allowed

    def forget(self, name: str) -> None:
        """It is gone."""
        self._left.pop(name, None)
