"""How many messages the conversation has."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class MessageCount:
    """How many messages the conversation has."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Messages of every role."""
        return Reading(float(len(facts.messages)))
