"""How often the user has spoken."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Turns:
    """How often the user has spoken."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """User messages."""
        return Reading(float(sum(m.role == "user" for m in facts.messages)))
