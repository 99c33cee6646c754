"""What is wrong with others, named in the log at most once a minute a kind, with how often it was seen since."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_S = 60.0
MOST_KINDS = 1024


class Complaints:
    """Sentences by kind, on the caller's clock."""

    __slots__ = ("_seen", "_tell")

    def __init__(self, tell: Callable[[str], None] = log.warning) -> None:
        self._tell = tell
        self._seen: dict[str, tuple[float, int]] = {}  # kind → when it was last told, and seen since

    def say(self, kind: str, sentence: str, now: float) -> None:
        """Something was seen again."""
        told, since = self._seen.get(kind, (-EVERY_S, 0))
        if now - told < EVERY_S:
            self._seen[kind] = (told, since + 1)
            return
        if len(self._seen) >= MOST_KINDS:
            self._seen.clear()
        self._seen[kind] = (now, 0)
        self._tell(f"{sentence} ({since} more since this was last said)" if since else sentence)
