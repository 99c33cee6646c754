"""Arrivals as `weir trace convert` writes them: every field of one, so that reading gives back what was written."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import MOST_TOKENS, Row


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class WeirArrivals:
    """JSON lines or CSV with a column a field of `Arrival`; in CSV blocks are numbers with spaces between."""

    columns: ClassVar[tuple[str, ...]] = (
        "at",
        "prompt_tokens",
        "output_tokens",
        "session",
        "turn",
        "model",
        "after_s",
        "block_tokens",
        "blocks",
        "text",
    )
    quantum_s: ClassVar[float] = 0.0

    def origin_s(self) -> float:
        """Times are counted from 0, not from the first row."""
        return 0.0

    def time(self, row: Row) -> float:
        """Seconds."""
        at = row.number_of("at")
        if at < 0.0:
            raise row.bad(f"at is {at:g}, before the trace begins: count from 0")
        return at

    def arrival(self, row: Row, at: float) -> Arrival:
        """One request."""
        prompt, turn = row.tokens("prompt_tokens"), row.whole("turn")
        size = row.tokens("block_tokens", least=0)
        if turn < 0:
            raise row.bad(f"turn is {turn}: count turns from 0")
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=row.tokens("output_tokens"),
            session=row.text("session"),
            turn=turn,
            model=row.text("model"),
            slo=row.text("slo"),
            blocks=_listed(row).blocks("blocks", prompt, size or MOST_TOKENS) if size else (),
            block_tokens=size,
            after_s=_pause(row),
            visual_tokens=row.visual("visual_tokens", prompt),
            text=None if row.values.get("text") in (None, "") else str(row.values["text"]),
        )


WRITTEN = (*WeirArrivals.columns, "visual_tokens", "slo")
"""What is written of an arrival; the last two may be missing where a file is read."""


def _listed(row: Row) -> Row:
    """The row with its blocks as a list, whatever file they came from."""
    found: Any = row.values.get("blocks")
    if not isinstance(found, str):
        return row
    words = found.split()
    return Row(row.name, row.number, {"blocks": [int(w) if w.isdecimal() and len(w) < 20 else w for w in words]})


def _pause(row: Row) -> float | None:
    if row.values.get("after_s") in (None, ""):
        return None
    pause = row.number_of("after_s")
    if pause < 0.0:
        raise row.bad(f"after_s is {pause:g}, before the previous turn ends: write 0 or more seconds")
    return pause
