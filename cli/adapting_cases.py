"""Decision records as cases: in which ways each request went wrong, as far as that is known."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.selections import FAILED, billed, failed
from policies.adapt.analysis import Case
from policies.adapt.knobs import Failure

BAD, HALF, FEW_TOKENS = 0.5, 0.5, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What records alone do not say."""

    ratings: Mapping[str, float] = field(default_factory=dict)  # verdicts by decision
    worth_usd: float = 0.01  # of an answer of quality 1
    long_turns: int = 30


def cases(records: Iterable[Mapping[str, Any]], by: Judging) -> Iterator[Case]:
    """One a record, in order."""
    turns = Counter[str]()
    for record in records:
        session = str(record["request"].get("session", ""))
        turns[session] += 1
        wrong = {**_served(record), **_judged(record, by), **_cached(record)}
        if session:
            wrong[Failure.LONG] = turns[session] > by.long_turns
        yield Case(wrong=wrong)


def _served(record: Mapping[str, Any]) -> dict[Failure, bool]:
    """Whether it was answered, and in time."""
    asked, outcome = record["request"], record["outcome"]
    is_failed = not outcome.get("ok", True) and int(outcome.get("status", 0)) >= FAILED
    found = {Failure.FAILED: is_failed}
    for failure, told, deadline in (
        (Failure.LATE_FIRST, "ttft_s", "ttft_deadline_s"),
        (Failure.LATE_REST, "tpot_s", "tpot_deadline_s"),
    ):
        if not is_failed and outcome.get(told) and asked.get(deadline):
            found[failure] = float(outcome[told]) > float(asked[deadline])
    return found


def _judged(record: Mapping[str, Any], by: Judging) -> dict[Failure, bool]:
    """Whether its answer was good, and a good one worth its bill; of one that nobody judged nothing."""
    choice, outcome = record.get("choice"), record["outcome"]
    if choice is None:
        return {}
    quality = outcome.get("quality", by.ratings.get(str(choice.get("decision", "")), failed(outcome)))
    if not isinstance(quality, int | float):
        return {}
    dear = {Failure.DEAR: billed(record) > by.worth_usd * quality} if quality >= BAD else {}
    return {Failure.BAD: quality < BAD, **dear}


def _cached(record: Mapping[str, Any]) -> dict[Failure, bool]:
    """Whether its engine had what was expected, where much was."""
    expected = float(record.get("cached", {}).get("known_tokens", 0.0))
    reported = float(record["outcome"].get("cached_tokens", -1))
    return {Failure.COLD: reported < HALF * expected} if expected >= FEW_TOKENS and reported >= 0.0 else {}
