"""How long to wait before trying again: twice as long each time up to a bound, and never in step with others."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_S, LONGEST_S = 0.2, 5.0


@dataclass(slots=True)
class Pauses:
    """Jittered back-off; a success starts it anew."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    draw: Callable[[], float] = field(default=random.random)  # 0 to 1
    _failures: int = 0

    def failed(self) -> float:
        """Seconds to wait now: between half and all of what has been reached."""
        whole = min(self.first_s * 2.0**self._failures, self.longest_s)
        self._failures = min(self._failures + 1, 30)
        return whole * (0.5 + 0.5 * self.draw())

    def succeeded(self) -> None:
        """It went well."""
        self._failures = 0
