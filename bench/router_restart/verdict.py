"""From decision records to figures: when the router knew again, and what was hit meanwhile."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

KNOWN = 0.999  # share of decisions whose knowledge must be exact from the moment it is called so
WINDOW_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision: when, whether what it believed of every replica was true, and the share of its prompt it hit."""

    at: float
    exact: bool
    hit: float


def read(path: Path, holders: Mapping[int, str], chain_tokens: int) -> list[Decided]:
    """The decisions of a record file, by time; a last line that was cut off is left out."""
    found = []
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found.append(_decided(record, holders, chain_tokens))
    return sorted(found, key=lambda one: one.at)


def _decided(record: dict[str, object], holders: Mapping[int, str], chain_tokens: int) -> Decided:
    request, candidates = record["request"], record["candidates"]
    assert isinstance(request, dict)
    assert isinstance(candidates, list)
    holder = holders[request["blocks"][0]]
    believed = {each["replica"]: each["cached_tokens"] for each in candidates if each["cached_tokens"] > 0.0}
    at, chosen = record["at"], record["chosen"]
    assert isinstance(at, float)
    hit = chain_tokens / request["prompt_tokens"] if chosen == holder else 0.0
    return Decided(at=at, exact=believed == {holder: float(chain_tokens)}, hit=hit)


def exact_from(decided: list[Decided], since: float) -> float | None:
    """The first moment from which, for a window, KNOWN of the decisions believe what is true; None if there is none."""
    after = [one for one in decided if one.at >= since]
    times, wrong = [one.at for one in after], [0]
    for one in after:
        wrong.append(wrong[-1] + (not one.exact))
    for place, one in enumerate(after):
        end = bisect_left(times, one.at + WINDOW_S)
        if one.exact and end < len(after) and wrong[end] - wrong[place] <= (1.0 - KNOWN) * (end - place):
            return one.at
    return None


def hit_rate(decided: Iterable[Decided]) -> float | None:
    """The mean share of a prompt that was in the chosen replica's cache; None without decisions."""
    hits = [one.hit for one in decided]
    return sum(hits) / len(hits) if hits else None
