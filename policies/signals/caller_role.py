"""Which role the caller has."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading


@signal
class CallerRole:
    """Which role the caller has."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """The claim `role` of a verified token; `none` without one."""
        return Reading(1.0, facts.claims.get("role") or "none")
