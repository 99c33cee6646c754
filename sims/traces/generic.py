"""Any CSV or JSON lines, with a map from its columns to Weir's."""

from dataclasses import dataclass
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class Generic:
    """Each option names the column that holds the thing; an empty one says that there is none."""

    at: str = "at"  # numbers in units of time_unit_s, or ISO dates
    prompt_tokens: str = "prompt_tokens"
    output_tokens: str = "output_tokens"
    session: str = ""
    turn: str = ""
    model: str = ""
    slo: str = ""  # the SLO class
    blocks: str = ""  # lists of block ids; JSON lines only
    text: str = ""
    visual_tokens: str = ""  # of the prompt's tokens, those that images became
    after_s: str = ""  # seconds after the session's previous turn; an empty cell for an open-loop arrival
    block_tokens: int = 16
    time_unit_s: float = 1.0  # 0.001 when times are milliseconds

    columns: ClassVar[tuple[str, ...]] = ()  # never taken unless it is named
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """The time column as seconds."""
        row.needs([self.at])
        found = row.value(self.at)
        if isinstance(found, str) and ":" in found:
            return row.seconds(self.at)
        return row.number_of(self.at) * self.time_unit_s

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request."""
        row.needs(filter(None, (self.prompt_tokens, self.output_tokens, self.session, self.turn, self.model, self.slo)))
        prompt = row.tokens(self.prompt_tokens)
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=row.recorded(self.output_tokens),
            session=str(row.values[self.session]) if self.session else "",
            turn=row.whole(self.turn) if self.turn else 0,
            model=str(row.values[self.model]) if self.model else "",
            slo=str(row.values[self.slo]) if self.slo else "",
            blocks=row.blocks(self.blocks, prompt, self.block_tokens) if self.blocks else (),
            block_tokens=self.block_tokens if self.blocks else 0,
            after_s=self._after(row),
            visual_tokens=row.visual(self.visual_tokens, prompt) if self.visual_tokens else 0,
            text=str(row.value(self.text)) if self.text else None,
        )

    def _after(self, row: Row) -> float | None:
        if not self.after_s or row.values.get(self.after_s) in (None, ""):
            return None
        pause = row.number_of(self.after_s)
        if pause < 0.0:
            raise row.bad(f"{self.after_s} is {pause:g}, before the previous turn ends: write 0 or more seconds")
        return pause
