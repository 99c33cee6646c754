"""How many images the request has."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Images:
    """How many images the request has."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Images in all messages."""
        return Reading(float(sum(m.images for m in facts.messages)))
