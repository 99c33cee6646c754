"""BurstGPT (Wang et al., KDD 2025; CC-BY-4.0): months of calls to GPT-3.5 and GPT-4 on Azure, in whole seconds.

Release 2 adds the session of a conversation and how long the answer took. A call with no answer failed upstream.
"""

from dataclasses import dataclass
from math import nan
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

SESSION, ELAPSED = "Session ID", "Elapsed time"


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Burstgpt:
    """CSV with Timestamp (s), Model, Request tokens, Response tokens, Log Type, perhaps Session ID, Elapsed time."""

    spread: bool = True  # lay calls of one second evenly over it; else they come all at once
    failed: bool = False  # keep calls that got no answer, as answers of one token
    closed: bool = False  # a turn waits for the answer to the one before it; needs Elapsed time
    grows: int = 0  # a turn's prompt continues its session in blocks of so many tokens; 0: nothing is told of prefixes

    columns: ClassVar[tuple[str, ...]] = ("Timestamp", "Model", "Request tokens", "Response tokens", "Log Type")

    @property
    def quantum_s(self) -> float:
        """The rounding of the time stamps, in seconds."""
        return 1.0 if self.spread else 0.0

    def time(self, row: Row) -> float:
        """The time stamp, which is in seconds."""
        return row.number_of("Timestamp")

    def arrival(self, row: Row, at: float) -> Arrival | None:
        """One call; None for one that failed."""
        answer = row.tokens("Response tokens", least=0)
        prompt = row.tokens("Request tokens", least=1 if answer else 0)
        if not answer and not (self.failed and prompt):
            return None
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=max(answer, 1),
            session=row.text(SESSION),
            model=row.text("Model"),
        )

    def lasted_s(self, row: Row) -> float:
        """Seconds that the answer took; nan where the release does not say."""
        return row.number_of(ELAPSED) if row.text(ELAPSED) else nan
