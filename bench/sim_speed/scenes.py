"""What is simulated: real traces, so many of them at once."""

from pathlib import Path

import numpy as np

from sims.arrivals import Arrivals
from sims.traces.reading.growth import grown_columns
from sims.traces.reading.reader import read_columns

AZURE, MOONCAKE = ("azure_llm_2023", "conv*.csv*"), ("mooncake_conversation", "*.jsonl*")
LONGEST = 131072  # tokens, the model's context


def trace(data: Path, of: tuple[str, str]) -> Arrivals:
    """A trace of the data folder, without what no replica can hold; raises FileNotFoundError that says what to do."""
    found = sorted((data / of[0]).glob(of[1]))
    if not found:
        raise FileNotFoundError(f"{data / of[0]} has no {of[1]}: name a folder laid out like ../shared/data")
    arrivals = read_columns(found[0])
    return arrivals.chosen(arrivals.prompt_tokens + arrivals.output_tokens <= LONGEST)


def at_once(arrivals: Arrivals, copies: int) -> Arrivals:
    """So many times as many users, each begun up to a minute later than another and with prefixes of its own."""
    return grown_columns(arrivals, float(copies))


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
