"""How far a replay is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Counts so far."""

    at_s: float  # virtual seconds since the start
    sent: int
    done: int
    failed: int  # of those done
    open: int
    output_tokens: int
