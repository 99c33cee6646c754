"""Small traffic written out by hand, and the steps that the latency model gives it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from policies.perf.latency import LatencyModel
from sims.arrival import Arrival
from sims.arrivals import Arrivals
from tests.sims.engine.worlds import BLOCK, H100

FRONT_S = H100.frontend_s


def arrivals(*rows: tuple[float, int, int], **more: Any) -> Arrivals:
    """From (at, prompt, output); nothing shared."""
    at, prompts, outputs = (np.array(column) for column in zip(*rows, strict=True))
    return Arrivals.drawn(at.astype(np.float64), prompts, outputs, **more)


def prompts(*rows: tuple[float, Sequence[int]], output: int = 4, extra: int = 0) -> Arrivals:
    """From (at, the numbers of its full blocks), `extra` tokens behind them."""
    return Arrivals.of(
        [
            Arrival(
                at=at, prompt_tokens=BLOCK * len(blocks) + extra, output_tokens=output, blocks=tuple(blocks),
                block_tokens=BLOCK,
            )
            for at, blocks in rows
        ]
    )  # fmt: skip


def turns(*rows: tuple[float, str, float | None], prompt: int = 100, output: int = 10) -> Arrivals:
    """From (at, session, seconds after the turn before, None where the time is given)."""
    return Arrivals.of(
        [Arrival(at=at, prompt_tokens=prompt, output_tokens=output, session=session, after_s=after)
         for at, session, after in rows]
    )  # fmt: skip


def prefill_s(tokens: int, *, before: int = 0, batch: int = 0, context: int = 0, model: LatencyModel = H100) -> float:
    """Seconds of a step with a chunk of so many tokens behind `before`, beside a batch that decodes."""
    return model.step(batch, context, tokens, tokens * (before + tokens / 2))


def decode_s(prompt: int, output: int, *, model: LatencyModel = H100) -> float:
    """Seconds from the first token of a lone request to its last."""
    return sum(model.step(1, prompt + k) for k in range(1, output))
