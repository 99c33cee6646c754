"""How many turns the sessions of this system prompt have: their median."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class UsualTurns:
    """How many turns the sessions of this system prompt have: their median."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Turns; unknown without a system prompt, or before enough of its sessions have ended."""
        return Reading(facts.usual_turns)
