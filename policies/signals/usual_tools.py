"""How often requests with this system prompt offer tools."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class UsualTools:
    """How often requests with this system prompt offer tools."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Between 0 and 1; unknown without a system prompt, or before enough of its turns were seen."""
        return Reading(facts.usual_tools)
