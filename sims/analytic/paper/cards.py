"""One replica as fleet-sim sees it: a step that grows with the batch, a number of slots, a price and a power curve."""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, exp, log2
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CONTEXT = 8192
"""Tokens a sequence holds where `sequence_s` and `most_slots` were set."""

BLOCK_TOKENS = 16


class Card(Protocol):
    """What sizing needs to know of a replica."""

    @property
    def chunk_tokens(self) -> int:
        """Prompt tokens of one step."""

    @property
    def price_per_hour(self) -> float:
        """Dollars."""

    def slots(self, context: int) -> int:
        """Requests of so many tokens at once."""

    def step(self, batch: float, tokens: float = CONTEXT) -> float:
        """Seconds of a step with so many sequences of so many tokens."""

    def service(self, prompts: Floats, outputs: Floats, context: int) -> Floats:
        """Seconds that each request holds a slot when all slots are taken."""

    def watts(self, batch: int) -> float:
        """Watts at that batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandSet:
    """A card whose constants were set by hand."""

    step_s: float
    sequence_s: float  # each sequence of 8,192 tokens
    chunk_tokens: int
    kv_blocks: int
    most_slots: int  # sequences of 8,192 tokens
    price_per_hour: float
    idle_w: float
    full_w: float
    steepness: float
    midpoint: float  # log2 of the batch at half the power range

    def slots(self, context: int) -> int:
        """Requests of so many tokens at once: what memory and the set limit allow."""
        return min(self.most_slots * CONTEXT // context, self.kv_blocks // ceil(context / BLOCK_TOKENS))

    def step(self, batch: float, tokens: float = CONTEXT) -> float:
        """Seconds of a step with so many sequences of so many tokens."""
        return self.step_s + self.sequence_s * (tokens / CONTEXT) * batch

    def service(self, prompts: Floats, outputs: Floats, context: int) -> Floats:
        """Seconds that each request holds a slot when all slots are taken by its like."""
        step_s = self.step_s + self.sequence_s * ((prompts + outputs) / CONTEXT) * self.slots(context)
        return (np.ceil(prompts / self.chunk_tokens) + outputs) * step_s

    def watts(self, batch: int) -> float:
        """Watts at that batch."""
        rise = 1.0 + exp(-self.steepness * (log2(max(batch, 1)) - self.midpoint))
        return self.idle_w + (self.full_w - self.idle_w) / rise

    def batch_within(self, watts: float) -> int:
        """The largest batch that draws no more, at least 1."""
        low, high = 1, self.most_slots
        while low < high:
            middle = (low + high) // 2
            # Published as it is: halving towards the lower end never tries the upper of two neighbours.
            low, high = (middle, high) if self.watts(middle) <= watts else (low, middle - 1)
            if high - low == 1:
                break
        return low

    def capped(self, batch: int, context: int) -> "HandSet":
        """The same card allowed so many requests of so many tokens."""
        blocks = batch * ceil(context / BLOCK_TOKENS)
        return replace(self, most_slots=ceil(batch * context / CONTEXT), kv_blocks=blocks)


@cache
def card(name: str) -> HandSet:
    """A published card: a100, h100 or a10g; raises KeyError."""
    sheets = tomllib.loads((Path(__file__).parent / "cards.toml").read_text(encoding="utf-8"))
    return HandSet(**sheets[name])
