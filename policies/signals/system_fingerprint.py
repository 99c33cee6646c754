"""Which application asks: a hash of its system prompt, whose text changes less often than its users."""

from typing import ClassVar
from zlib import crc32

from policies.signals.facts import Facts
from policies.signals.port import signal
from policies.signals.reading import Reading

MOST = 4096  # leading characters that are hashed, beside the length
NONE = "none"


@signal
class SystemFingerprint:
    """Which application asks: a hash of its system prompt, whose text changes less often than its users."""

    kind: ClassVar[str] = "label"
    labels: ClassVar[tuple[str, ...]] = ()

    def read(self, facts: Facts) -> Reading:
        """Eight hex digits; `none` where there is no system prompt."""
        text = facts.system_text()
        if not text:
            return Reading(1.0, NONE)
        told = f"{len(text)}\0{text[:MOST]}".encode(errors="replace")
        return Reading(1.0, f"{crc32(told):08x}")
