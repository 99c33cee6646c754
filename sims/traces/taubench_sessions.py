"""tau-bench sessions of a tool agent (MIT): turns, lengths and blocks of 16 tokens; the source has no times.

Sessions start `session_gap_s` apart; each turn comes after the one before it, when its user or its tool has answered.
"""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

BLOCK_TOKENS = 16


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class TaubenchSessions:
    """JSON lines with session, task, turn, input_length, output_length, after (user | tool), hash_ids."""

    session_gap_s: float = 5.0
    user_s: float = 10.0  # how long a person takes to answer
    tool_s: float = 1.0

    columns: ClassVar[tuple[str, ...]] = (
        "session",
        "task",
        "turn",
        "input_length",
        "output_length",
        "after",
        "hash_ids",
    )
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """When the session starts: its earliest possible time is all that is known of a turn."""
        return row.whole("session") * self.session_gap_s

    def arrival(self, row: Row, at: float) -> Arrival:
        """One call of the agent."""
        prompt, turn = row.tokens("input_length"), row.whole("turn")
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=row.recorded("output_length"),
            session=str(row.whole("session")),
            turn=turn,
            blocks=row.blocks("hash_ids", prompt, BLOCK_TOKENS),
            block_tokens=BLOCK_TOKENS,
            after_s=self._pause_s(row) if turn else None,
        )

    def _pause_s(self, row: Row) -> float:
        return self.tool_s if row.value("after") == "tool" else self.user_s
