"""Of which domain the requests with this system prompt mostly are."""

from typing import ClassVar

from policies.signals.facts import Facts
from policies.signals.learned import DOMAINS
from policies.signals.port import signal
from policies.signals.reading import Reading

NONE = "none"


@signal
class UsualDomain:
    """Of which domain the requests with this system prompt mostly are."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = (*DOMAINS, NONE)

    def read(self, facts: Facts) -> Reading:
        """A domain; `none` without a system prompt, before enough of its turns had one, or where it is unknown here."""
        return Reading(1.0, facts.usual_domain if facts.usual_domain in DOMAINS else NONE)
