"""Whether an agent asks rather than a person."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Agent:
    """Whether an agent asks rather than a person."""

    kind: ClassVar[str] = "flag"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """1 where tools are offered or have answered, or the token names an agent."""
        told = facts.tools or "agent" in facts.claims or any(m.role == "tool" for m in facts.messages)
        return Reading(float(bool(told)))
