"""How large the prompt is."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class ContextTokens:
    """How large the prompt is."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Prompt tokens, counted or estimated."""
        return Reading(float(facts.prompt_tokens))
