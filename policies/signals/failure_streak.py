"""How many of the newest answers of tools told an error, one after another."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class FailureStreak:
    """How many of the newest answers of tools told an error, one after another."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Failed answers since the last that was good."""
        answers = [m.failed for m in reversed(facts.messages) if m.role == "tool"]
        return Reading(float(answers.index(False) if False in answers else len(answers)))
