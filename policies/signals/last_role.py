"""Who spoke last."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class LastRole:
    """Who spoke last."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ("system", "user", "assistant", "tool", "none", "other")

    def read(self, facts: Facts) -> Reading:
        """The role of the last message; `none` where there is no message."""
        if not facts.messages:
            return Reading(1.0, "none")
        role = facts.messages[-1].role
        return Reading(1.0, role if role in self.labels else "other")
