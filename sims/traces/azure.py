"""Azure's LLM inference traces (Splitwise, ISCA 2024; CC-BY-4.0): arrival time and the two lengths, nothing else."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """CSV with TIMESTAMP,ContextTokens,GeneratedTokens."""

    columns: ClassVar[tuple[str, ...]] = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time stamp as seconds."""
        return row.seconds("TIMESTAMP")

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request."""
        return Arrival(at=at, prompt_tokens=row.tokens("ContextTokens"), output_tokens=row.recorded("GeneratedTokens"))
