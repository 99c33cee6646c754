"""How long the longest stretch of the newest question is that looks encoded."""

import re
from typing import ClassVar

from policies.signals.excerpt import excerpt
from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading

ENCODED = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")


@signal
class EncodedRun:
    """How long the longest stretch of the newest question is that looks encoded."""

    kind: ClassVar[str] = "count"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Characters of base64 or hex without a break; shorter than 32 counts as none."""
        return Reading(float(max((len(m) for m in ENCODED.findall(excerpt(facts.last_user_text()))), default=0)))
