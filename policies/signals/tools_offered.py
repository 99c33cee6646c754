"""How many tools the model may call."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class ToolsOffered:
    """How many tools the model may call."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Tools in the request."""
        return Reading(float(len(facts.tools)))
