"""Who the caller is."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class Tenant:
    """Who the caller is."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """The tenant; `none` where nobody is named."""
        return Reading(1.0, facts.tenant or "none")
