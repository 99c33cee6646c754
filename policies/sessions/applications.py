"""What an application is like: by its system prompt, the domain, the tools and the length of the sessions before.

A system prompt changes less often than who uses it: its fingerprint says on the first turn what text says only later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

MOST_LENGTHS = 200  # of ended sessions that are kept of one application
HALVED_AT = 1_000  # turns from which on older ones count half, so that an application may change


class Usual(NamedTuple):
    """What is usual for an application; NaN or empty where too little was seen."""

    domain: str = ""  # the commonest that its turns were of
    tools: float = float("nan")  # share of its turns that offered tools, 0..1
    turns: float = float("nan")  # the median of its sessions' lengths
    turns_p90: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What was seen of one application."""

    turns: float = 0.0
    offering: float = 0.0  # of these turns, those that offered tools
    domains: Mapping[str, float] = field(default_factory=dict)  # turns by domain, as far as one was read
    lengths: tuple[int, ...] = ()  # turns of ended sessions, the newest last

    def asked(self, domain: str, tools: bool) -> "Application":
        """With one more turn; an empty domain was not read."""
        kept = 0.5 if self.turns >= HALVED_AT else 1.0
        domains = {name: kept * count for name, count in self.domains.items()}
        if domain:
            domains[domain] = domains.get(domain, 0.0) + 1.0
        return replace(self, turns=kept * self.turns + 1.0, offering=kept * self.offering + tools, domains=domains)

    def ended(self, turns: int) -> "Application":
        """With one more session that has ended."""
        return replace(self, lengths=(*self.lengths, turns)[-MOST_LENGTHS:])

    def usual(self, fewest: int) -> Usual:
        """What is usual, each part from so many turns, or ended sessions, on."""
        told = sum(self.domains.values()) >= fewest
        middle, long = np.percentile(self.lengths, (50, 90)) if len(self.lengths) >= fewest else (np.nan, np.nan)
        return Usual(
            domain=max(sorted(self.domains), key=self.domains.__getitem__) if told else "",
            tools=self.offering / self.turns if self.turns >= fewest else float("nan"),
            turns=float(middle),
            turns_p90=float(long),
        )
