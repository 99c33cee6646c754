"""The words of the agents' calls that LMCache recorded (Apache-2.0): real prompts, their tokens counted here."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row
from weir.tokenizer import tokenizer


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class LmcacheText:
    """JSON lines with session, turn, t_us, input, output."""

    vocabulary: str = "o200k_base"  # what tokens are counted in

    columns: ClassVar[tuple[str, ...]] = ("session", "turn", "t_us", "input", "output")
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time stamp as seconds."""
        return row.number_of("t_us") / 1e6

    def arrival(self, row: Row, at: float) -> Arrival:
        """One call of an agent; an empty prompt or answer counts as one token."""
        return Arrival(
            at=at,
            prompt_tokens=self._count(row, "input"),
            output_tokens=self._count(row, "output"),
            session=str(row.value("session")),
            turn=row.whole("turn"),
            text=row.values["input"],
        )

    def _count(self, row: Row, column: str) -> int:
        text = row.values.get(column)
        if not isinstance(text, str):
            raise row.bad(f"{column} is not text: repair or drop the row")
        return max(len(tokenizer(self.vocabulary).encode(text)), 1)
