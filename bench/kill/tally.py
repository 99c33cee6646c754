"""Counting fates, and what the router says is left when all is over."""

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.request import urlopen

from bench.kill.client import Fate, Heard

EXAMPLES = 5
IN_FLIGHT = re.compile(rb"^weir_in_flight_requests(?:{[^}]*})? ([0-9.e+]+)$", re.MULTILINE)
RETRIES = re.compile(rb"^weir_retries_total(?:{[^}]*})? ([0-9.e+]+)$", re.MULTILINE)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Fates so far."""

    fates: Counter[Fate] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)  # of what was said where no answer came

    @property
    def total(self) -> int:
        """Requests that have their fate."""
        return self.fates.total()

    def add(self, heard: Heard, fate: Fate) -> None:
        """Enter one."""
        self.fates[fate] += 1
        self.statuses[heard.status] += 1
        if fate in (Fate.LOST, Fate.WRONG) and len(self.examples) < EXAMPLES:
            self.examples.append(f"{heard.identity}: {fate.value}, status {heard.status}: {' '.join(heard.said)[:200]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What the router's metrics say."""

    in_flight: float
    retries: float


def left(port: int) -> Left:
    """Read the router's metrics page."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10.0) as page:
        text: bytes = page.read()
    return Left(in_flight=_sum(IN_FLIGHT, text), retries=_sum(RETRIES, text))


def _sum(pattern: "re.Pattern[bytes]", text: bytes) -> float:
    found = pattern.findall(text)
    if not found:
        raise SystemExit(f"the router's metrics have no {pattern.pattern.decode()}")
    return sum(map(float, found))
