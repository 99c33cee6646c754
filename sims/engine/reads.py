"""What a policy reads of the fleet, and so what a simulation must keep for it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """See `policies.policy.Routing`; a plain function may carry the same names as attributes."""

    cached: bool  # what is cached at all
    history: bool  # of what is cached, only what the router itself sent
    scraped: bool  # of requests in flight, what engines said when they were last scraped
    bounded: bool  # whether that history keeps as much as a replica's HBM holds
    history_tokens: int
    match_tokens: int

    @classmethod
    def of(cls, policy: Any, blocks: bool, knowledge: str = "") -> "Reads":
        """What a policy reads of a trace that has blocks, or has none; `knowledge` instead of its own, if any."""
        own = getattr(policy, "reads_cache", "events")
        return cls(
            cached=blocks and getattr(policy, "uses_cached", True),
            history=(knowledge or own) == "history",
            bounded=knowledge == "history" != own,
            scraped=getattr(policy, "reads_load", "own") == "scraped",
            history_tokens=getattr(policy, "history_tokens", 0),
            match_tokens=getattr(policy, "history_match_tokens", 0),
        )
