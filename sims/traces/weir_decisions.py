"""Weir's own decision records: what a router saw yesterday, to be replayed today.

A record is written when its request ends, so the rows are put in order here; one that was tried on several replicas
has a record a try, of which the last counts. `at` is when it was sent; its end less all it took is when it came.
"""

from dataclasses import dataclass
from math import log2
from typing import ClassVar

from sims.arrival import Arrival
from sims.traces.reading.format import trace
from sims.traces.reading.row import Row

DOMAIN = "domain"
ID_BITS = (1 << 63) - 1


@trace
@dataclass(frozen=True, slots=True, kw_only=True)
class WeirDecisions:
    """JSON lines with id, at, request, chosen, propensity, outcome, as `weir router --decisions FILE` writes them."""

    failed: bool = True  # keep what failed, with the answer that was expected of it: it did arrive
    closed: bool = False  # a turn comes as long after the end of the one before it as it did then
    grows: int = (
        16  # where no blocks are told a turn continues its session, in blocks of so many tokens; 0: it does not
    )

    columns: ClassVar[tuple[str, ...]] = ("id", "at", "request", "chosen", "propensity", "outcome")
    quantum_s: ClassVar[float] = 0.0

    def time(self, row: Row) -> float:
        """When it came, by the router's own clock."""
        outcome = row.part("outcome")
        made = max(outcome.number_of("output_tokens"), 2.0) - 1.0
        took = outcome.number_of("ttft_s") + outcome.number_of("tpot_s") * made
        return row.number_of("at") + took - outcome.number_of("e2e_s")

    def arrival(self, row: Row, at: float) -> Arrival | None:
        """One request, with the tokens that the engine reported, or else with those that the router expected."""
        asked, outcome = row.part("request"), row.part("outcome")
        ok = bool(outcome.value("ok"))
        if not ok and not self.failed:
            return None
        prompt = outcome.tokens("prompt_tokens", least=0) or _rounded(asked, "prompt_tokens")
        blocks, size = _blocks(asked, prompt)
        return Arrival(
            at=at,
            prompt_tokens=prompt,
            output_tokens=outcome.recorded("output_tokens") if ok else _rounded(asked, "expected_tokens"),
            session=asked.text("session"),
            model=asked.text("model"),
            slo=asked.text("slo"),
            blocks=blocks,
            block_tokens=size,
            topic=_domain(row),
        )

    def key(self, row: Row) -> str:
        """The request's id."""
        return str(row.value("id"))

    def lasted_s(self, row: Row) -> float:
        """Seconds from its arrival to its end."""
        return row.part("outcome").number_of("e2e_s")


def _domain(row: Row) -> str:
    """The domain that was read of the prompt, where models were chosen and that signal was wanted."""
    told = row.values.get("choice")
    readings = told.get("readings") if isinstance(told, dict) else None
    reading = readings.get(DOMAIN) if isinstance(readings, dict) else None
    return str(reading.get("label", "")) if isinstance(reading, dict) else ""


def _rounded(row: Row, column: str) -> int:
    """A count that was estimated."""
    found = row.number_of(column)
    if found < 0.0:
        raise row.bad(f"{column} is {found:g}, a request has at least 1: drop the row")
    return Row(row.name, row.number, {column: max(round(found), 1)}).tokens(column)


def _blocks(asked: Row, prompt: int) -> tuple[tuple[int, ...], int]:
    """The hashes of a prompt's full blocks, where the router noted them, and the tokens of a block.

    Blocks of text have a number of tokens that a router learns and that drifts: the nearest power of two stands for it.
    """
    if not asked.text("blocks"):
        return (), 0
    found = asked.value("blocks")
    if not isinstance(found, list) or not all(type(b) is int for b in found):
        raise asked.bad("blocks is not a list of block numbers: repair or drop the row")
    size = 1 << max(round(log2(max(asked.number_of("block_tokens"), 1.0))), 0)
    ids = tuple(block & ID_BITS for block in found)[: -(-prompt // size)]
    tail = -(-prompt // size) - len(ids)
    # what follows the noted blocks is this request's own: ids that no hash of another prompt is likely to have
    return ids + tuple((hash((ids, asked.number, i)) & ID_BITS) for i in range(tail)), size
