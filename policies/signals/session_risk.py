"""How much risk has built up over the turns of a session, none of which need be risky alone."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class SessionRisk:
    """How much risk has built up over the turns of a session, none of which need be risky alone."""

    kind: ClassVar[str] = "number"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """The accumulated risk; unknown without a session, or where risk is not kept."""
        return Reading(facts.session_risk)
