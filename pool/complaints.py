"""What is wrong with others' words, named in the log once a minute a kind, however often it happens."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

log = logging.getLogger(__name__)

EVERY_S = 60.0
MOST_KINDS = 4096  # complaints of more replicas than that are counted together


@dataclass(slots=True)
class Complaints:
    """Counts by what and by whom; `say` logs the first of a minute and how many went unsaid before it."""

    clock: Callable[[], float] = monotonic
    counts: Counter[str] = field(default_factory=Counter)  # by what
    _said: dict[tuple[str, str], float] = field(default_factory=dict)
    _unsaid: Counter[tuple[str, str]] = field(default_factory=Counter)

    def say(self, what: str, who: str, words: str, times: int = 1) -> None:
        """`who` did `what`; `words` say how."""
        self.counts[what] += times
        key = (what, who if len(self._said) < MOST_KINDS else "others")
        now = self.clock()
        if now - self._said.get(key, -EVERY_S) < EVERY_S:
            self._unsaid[key] += times
            return
        self._said[key] = now
        more = self._unsaid.pop(key, 0)
        log.warning("%s: %s%s", who, words, f" (and {more} more of these in the last minute)" if more else "")
