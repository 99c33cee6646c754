"""Whether the request goes on from an earlier one."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Chained:
    """Whether the request goes on from an earlier one."""

    kind: ClassVar[str] = "flag"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """1 where a session or an earlier response is named."""
        return Reading(float(bool(facts.previous_response or facts.session)))
