"""Which format the answer must have."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class ResponseFormat:
    """Which format the answer must have."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ("text", "json_object", "json_schema", "other")

    def read(self, facts: Facts) -> Reading:
        """The `response_format` asked for."""
        told = facts.response_format or "text"
        return Reading(1.0, told if told in self.labels else "other")
