"""Off-policy estimates beside the truth, over many drawn logs: `python -m bench.ope --data DIR`.

A bandit that learned from other questions logs one answer a question with its propensity; policies that did not run are
judged from that log. A log is drawn anew (questions with replacement, then answers) for every repetition; the truth is
what the policy earns over all questions. Errors are in points of accuracy.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.online.answers import Answers, Floats
from bench.ope.policies import Questions, logging_odds, split, targets
from bench.over_answers import Claim, main, say
from policies.evaluate.doubly_robust import doubly_robust
from policies.evaluate.ips import ips
from policies.evaluate.logged import Estimate, Logged
from policies.evaluate.snips import snips

MOST_ERROR, LEAST_COVERAGE = 2.0, 0.90  # points, share
TARGET = {"error_points": {"most": MOST_ERROR}, "coverage": {"least": LEAST_COVERAGE}}
REPEATS = 200
ESTIMATES: Mapping[str, Callable[[Logged], Estimate]] = {"dr": doubly_robust, "snips": snips, "ips": ips}


def drawn(of: Questions, logging: Floats, target: Floats, chance: np.random.Generator) -> Logged:
    """One log: questions with replacement, one answer each."""
    rows = chance.integers(0, len(of.right), len(of.right))
    reached = logging[rows].cumsum(axis=1)
    action = (reached < chance.random(len(rows))[:, None] * reached[:, -1:]).sum(axis=1)
    return Logged(
        features=of.vectors[rows],
        action=action,
        reward=of.right[rows, action],
        propensity=logging[rows, action],
        target=target[rows],
    )


def judged(of: Questions, logging: Floats, target: Floats, repeats: int) -> dict[str, Any]:
    """One policy: its truth, and how far each estimator is from it."""
    chance, truth = np.random.default_rng(1), of.truth(target)
    found: dict[str, list[Estimate]] = {name: [] for name in ESTIMATES}
    for _ in range(repeats):
        log = drawn(of, logging, target, chance)
        for name, estimate in ESTIMATES.items():
            found[name].append(estimate(log))
    return {"truth": round(truth, 4)} | {name: verdict(some, truth) for name, some in found.items()}


def verdict(found: list[Estimate], truth: float) -> dict[str, float]:
    """Errors in points over the repetitions, and how often the interval held the truth."""
    off = 100.0 * (np.array([each.value for each in found]) - truth)
    held = float(np.mean([each.low <= truth <= each.high for each in found]))
    return {
        "error_points": round(float(np.abs(off).mean()), 3),
        "error_points_error": round(1.96 * float(np.abs(off).std()) / len(found) ** 0.5, 3),
        "within_2_points": round(float((np.abs(off) <= 2.0).mean()), 3),
        "bias_points": round(float(off.mean()), 3),
        "coverage": round(held, 3),
        "coverage_error": round(1.96 * (held * (1.0 - held) / len(found)) ** 0.5, 3),
        "width_points": round(100.0 * float(np.mean([each.width for each in found])), 2),
        "effective": round(float(np.mean([each.effective for each in found])), 0),
    }


def around(value: float, error: float) -> list[float]:
    """An interval from a half-width."""
    return [round(value - error, 3), round(value + error, 3)]


def figures(answers: Answers, repeats: int) -> dict[str, Any]:
    """Every policy; the first two figures are those of the worst."""
    learned_on, asked = split(answers)
    logging, told = logging_odds(learned_on, asked), {}
    for name, target in targets(learned_on, asked).items():
        told[name] = judged(asked, logging, target, repeats)
        say(f"{name}: truth {told[name]['truth']:.3f}, doubly robust {told[name]['dr']}")
    off = max((each["dr"] for each in told.values()), key=lambda each: each["error_points"])
    held = min((each["dr"] for each in told.values()), key=lambda each: each["coverage"])
    return {
        "error_points": off["error_points"],
        "error_points_95": around(off["error_points"], off["error_points_error"]),
        "coverage": held["coverage"],
        "coverage_95": around(held["coverage"], held["coverage_error"]),
        "logging_truth": round(asked.truth(logging), 4),
        "questions": len(asked.right),
        "repetitions": repeats,
        **told,
    }


def met(found: Mapping[str, Any]) -> bool:
    """Whether the worst policy's errors and coverage are within the target."""
    return bool(found["error_points"] <= MOST_ERROR and found["coverage"] >= LEAST_COVERAGE)


if __name__ == "__main__":
    sys.exit(main(Claim("ope", __doc__ or "", "repeats", REPEATS, TARGET, figures, met)))
