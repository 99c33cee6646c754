"""What the request is made of."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Modality:
    """What the request is made of."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ("text", "image")

    def read(self, facts: Facts) -> Reading:
        """`image` where a message has one."""
        return Reading(1.0, "image" if any(m.images for m in facts.messages) else "text")
