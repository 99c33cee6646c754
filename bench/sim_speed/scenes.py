"""What is simulated: real traces, so many of them at once."""

from pathlib import Path

import numpy as np

from sims.arrivals import Arrivals
from sims.traces.reading.reader import read

AZURE, MOONCAKE = ("azure_llm_2023", "conv*.csv*"), ("mooncake_conversation", "*.jsonl*")
LONGEST = 131072  # tokens, the model's context


def trace(data: Path, of: tuple[str, str]) -> Arrivals:
    """A trace of the data folder, without what no replica can hold; raises FileNotFoundError that says what to do."""
    found = sorted((data / of[0]).glob(of[1]))
    if not found:
        raise FileNotFoundError(f"{data / of[0]} has no {of[1]}: name a folder laid out like ../shared/data")
    arrivals = Arrivals.of(list(read(found[0])))
    return arrivals.chosen(arrivals.prompt_tokens + arrivals.output_tokens <= LONGEST)


def at_once(arrivals: Arrivals, copies: int) -> Arrivals:
    """So many copies over the same span, each begun elsewhere in the trace and none sharing a prefix with another."""
    span, count = arrivals.span_s, len(arrivals)
    starts = np.random.default_rng(0).random(copies) * span
    at = np.concatenate([(arrivals.at - arrivals.at[0] + start) % span for start in starts])
    order = np.argsort(at, kind="stable")
    blocks = [arrivals.blocks + copy * arrivals.distinct_blocks for copy in range(copies)]
    ends = [arrivals.ends[1:] + copy * len(arrivals.blocks) for copy in range(copies)]
    all_of = Arrivals.drawn(
        at,
        np.tile(arrivals.prompt_tokens, copies),
        np.tile(arrivals.output_tokens, copies),
        blocks=np.concatenate(blocks).astype(np.int32),
        ends=np.concatenate([[0], *ends]).astype(np.int64),
        block_tokens=arrivals.block_tokens,
    )
    assert len(all_of) == count * copies
    return all_of.chosen(order)


def to_rate(arrivals: Arrivals, rate: float, count: int) -> Arrivals:
    """The first `count` of them at so many a second."""
    first = arrivals.chosen(np.arange(min(count, len(arrivals))))
    scale = len(first) / rate / max(first.span_s, 1e-9)
    at = (first.at - first.at[0]) * scale
    return Arrivals.drawn(at, first.prompt_tokens, first.output_tokens)


def lengths_csv(arrivals: Arrivals, path: Path) -> Path:
    """The lengths as the peers read them."""
    rows = zip(arrivals.prompt_tokens.tolist(), arrivals.output_tokens.tolist(), strict=True)
    lines = [f"{prompt},{output}" for prompt, output in rows if prompt + output < 16384]
    path.write_text("\n".join(["num_prefill_tokens,num_decode_tokens", *lines]) + "\n")
    return path
