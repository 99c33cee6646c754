"""How far a caller is trusted, by what its requests led to."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class CallerReputation:
    """How far a caller is trusted, by what its requests led to."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Between 0 and 1; unknown for a caller that nobody can name, or where reputation is not kept."""
        return Reading(facts.caller_reputation)
