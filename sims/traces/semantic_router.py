"""Decisions as vLLM's semantic router and its fleet simulator write them: lengths and the model that was chosen."""

from dataclasses import dataclass
from math import nan
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

ANSWERS = ("generated_tokens", "completion_tokens")  # a simulator's sample, a router's replay record


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticRouter:
    """JSON lines or CSV with timestamp, prompt_tokens, generated_tokens or completion_tokens, selected_model."""

    model: str = "selected_model"  # the column of the model; `original_model` for the one that was asked for
    closed: bool = False  # a turn waits for the one before it, where latency_ms tells how long that took
    grows: int = 0  # a turn's prompt continues its session in blocks of so many tokens

    columns: ClassVar[tuple[str, ...]] = ("timestamp", "prompt_tokens", "selected_model")
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time stamp: seconds, or an ISO date."""
        found = row.value("timestamp")
        return row.seconds("timestamp") if isinstance(found, str) and ":" in found else row.number_of("timestamp")

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request, for the model that was chosen."""
        answer = next((column for column in ANSWERS if column in row.values), ANSWERS[0])
        return Arrival(
            at=at,
            prompt_tokens=row.tokens("prompt_tokens"),
            output_tokens=row.recorded(answer),
            session=row.text("session_id"),
            model=row.text(self.model),
        )

    def key(self, row: Row) -> str:
        """The request's id, where one is told."""
        return row.text("request_id")

    def lasted_s(self, row: Row) -> float:
        """Seconds that it took, where latency_ms is told."""
        return row.number_of("latency_ms") / 1000.0 if row.text("latency_ms") else nan
