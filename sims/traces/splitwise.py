"""Traces as splitwise-sim generates and reads them (Splitwise, ISCA 2024; MIT): one request a row."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Splitwise:
    """CSV with arrival_timestamp (seconds), prompt_size, token_size, also request_id, request_type, application_id."""

    by_application: bool = False  # application_id is taken as the model's name

    columns: ClassVar[tuple[str, ...]] = ("arrival_timestamp", "prompt_size", "token_size")
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time stamp, which is in seconds."""
        return row.number_of("arrival_timestamp")

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request."""
        return Arrival(
            at=at,
            prompt_tokens=row.tokens("prompt_size"),
            output_tokens=row.recorded("token_size"),
            model=row.text("application_id") if self.by_application else "",
        )
