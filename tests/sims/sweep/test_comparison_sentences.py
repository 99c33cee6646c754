"""What a comparison says, and only where its figures bear it out."""

from dataclasses import replace
from math import inf
from typing import Any

from sims.measure.metrics import Slo
from sims.measure.outcome import Outcome, outcome
from sims.measure.seeds import Measured
from sims.sweep.sentences import compared
from tests.sims.measure.runs import run


def seeds(late_s: float, count: int = 3, **changes: Any) -> dict[int, Outcome]:
    """Runs whose first tokens come so late, a little apart by seed."""
    plain = run(**changes)
    later = [
        replace(plain, first=plain.first + late_s + 0.01 * i, end=plain.end + late_s + 0.01 * i) for i in range(count)
    ]
    return {i: outcome(each, Slo(1.0, 0.2), warmup=0.0) for i, each in enumerate(later)}


def said(partial: bool = False, **runs: dict[int, Outcome]) -> str:
    measured = {name: Measured.of(list(found.values())) for name, found in runs.items()}
    return " ".join(compared(measured, runs, partial))


def test_the_best_is_named_first() -> None:
    told = said(slow=seeds(0.7), quick=seeds(0.0))
    assert told.startswith(
        "quick serves the most requests within their deadlines: 100.0%, 90 % of first tokens within 510 ms."
    )
    assert "Beside slow that is 100.0 points more, and slow's p90 TTFT is 2.37 times as long" in told


def test_of_equals_in_goodput_the_faster_is_best() -> None:
    assert said(slow=seeds(0.2), quick=seeds(0.1)).startswith("quick")


def test_certainty_is_claimed_only_where_the_seeds_bear_it() -> None:
    assert "quick's p90 is shorter for certain (95 %), shorter in 3 of 3" in said(quick=seeds(0.0), slow=seeds(0.3))
    other = {0: seeds(0.4)[0], 1: seeds(0.0)[1], 2: seeds(0.01)[2]}
    assert "not told apart by these seeds" in said(a=seeds(0.0), b=other)


def test_one_seed_says_nothing_of_chance() -> None:
    told = said(quick=seeds(0.0, 1), slow=seeds(0.3, 1))
    assert "for certain" not in told
    assert "--seeds 8" in told


def test_the_unstable_are_named() -> None:
    assert "Unstable, the queue growing without end: bad." in said(good=seeds(0.0), bad=seeds(0.9, unstable=True))


def test_a_partial_comparison_says_so() -> None:
    assert said(True, a=seeds(0.0)).endswith("This is partial: it was interrupted.")


def test_one_policy_alone_is_held_against_nobody() -> None:
    assert "Beside" not in said(a=seeds(0.0))


def test_what_is_endless_has_no_ratio() -> None:
    dead = {
        i: replace(each, metrics=replace(each.metrics, ttft_s=replace(each.metrics.ttft_s, p90=inf)))
        for i, each in seeds(0.0).items()
    }
    told = said(a=seeds(0.0), b=dead)
    assert "times as long" not in told
    assert said(b=dead).startswith(
        "b serves the most requests within their deadlines: 100.0%, 90 % of first tokens within no"
    )
