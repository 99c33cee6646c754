"""How many answers of tools told an error."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class ToolFailures:
    """How many answers of tools told an error."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Answers that tell an error."""
        return Reading(float(sum(m.failed for m in facts.messages)))
