"""How many turns the long sessions of this system prompt have: nine in ten have no more."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class UsualTurnsP90:
    """How many turns the long sessions of this system prompt have: nine in ten have no more."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Turns; unknown without a system prompt, or before enough of its sessions have ended."""
        return Reading(facts.usual_turns_p90)
