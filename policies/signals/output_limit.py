"""How much the model may say."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class OutputLimit:
    """How much the model may say."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Tokens that the client allows; 0 where it sets no bound."""
        return Reading(float(facts.max_tokens))
