"""How many tokens the images are."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class VisualTokens:
    """How many tokens the images are."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Tokens of images, as far as they are known."""
        return Reading(float(facts.visual_tokens))
