"""Agents' calls as LMCache recorded them (Apache-2.0): sessions, turns, lengths, and blocks of 16 tokens."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

BLOCK_TOKENS = 16


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class LmcacheAgents:
    """JSON lines with timestamp_ms, session, turn, input_length, output_length, hash_ids."""

    closed: bool = False  # a turn waits for the end of the one before it and then think_s; else recorded times rule
    think_s: float = 1.0

    columns: ClassVar[tuple[str, ...]] = (
        "timestamp_ms",
        "session",
        "turn",
        "input_length",
        "output_length",
        "hash_ids",
    )
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time stamp as seconds."""
        return row.number_of("timestamp_ms") / 1000.0

    def arrival(self, row: Row, at: float) -> Arrival:
        """One call of an agent."""
        prompt, turn = row.recorded("input_length"), row.whole("turn")
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=row.recorded("output_length"),
            session=str(row.value("session")),
            turn=turn,
            blocks=row.blocks("hash_ids", prompt, BLOCK_TOKENS),
            block_tokens=BLOCK_TOKENS,
            after_s=self.think_s if self.closed and turn else None,
        )
