"""How many tools the model has called in this conversation."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class ToolCalls:
    """How many tools the model has called in this conversation."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Calls in messages of the assistant."""
        return Reading(float(sum(len(m.tool_calls) for m in facts.messages)))
