"""Mooncake's traces (FAST 2025; Apache-2.0): times that were rounded to 3 s, lengths, and blocks of 512 tokens."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

BLOCK_TOKENS = 512
QUANTUM_S = 3.0


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Mooncake:
    """JSON lines with timestamp (ms), input_length, output_length, hash_ids."""

    spread: bool = True  # lay requests of one rounded time evenly over the 3 s; else they come all at once

    columns: ClassVar[tuple[str, ...]] = ("timestamp", "input_length", "output_length", "hash_ids")

    @property
    def quantum_s(self) -> float:
        """The rounding of the time stamps, in seconds."""
        return QUANTUM_S if self.spread else 0.0

    def time(self, row: Row) -> float:
        """The time stamp as seconds."""
        return row.number_of("timestamp") / 1000.0

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request."""
        prompt = row.tokens("input_length")
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=row.recorded("output_length"),
            blocks=row.blocks("hash_ids", prompt, BLOCK_TOKENS),
            block_tokens=BLOCK_TOKENS,
        )
