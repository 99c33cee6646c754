"""Bandits on MMLU-Pro as a stream in which the best model gets worse half-way: `python -m bench.online --data DIR`.

One question a second; answers are judged up to two minutes late, a fifth of them never; the best model's right answers
become wrong by half from the middle on. A learner sees a projection of the question's embedding and its own feedback.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bench.online.answers import PROJECTED, Answers
from bench.online.peers import peers
from bench.online.regret import interval, regret
from bench.online.stream import Bandit, runs
from bench.over_answers import Claim, main, say
from policies.select.beliefs import Beliefs
from policies.select.epsilon_greedy import EpsilonGreedy
from policies.select.exploring import Explorer
from policies.select.linucb import LinUcb
from policies.select.objective import Objective
from policies.select.purse import Purse
from policies.select.thompson import Thompson
from policies.select.ucb import Ucb

MOST_REGRET = 0.5  # of the best static policy's
TARGET = {"regret_share": {"most": MOST_REGRET}, "explored_within_budget": True}
SEEDS, SEVERITY = 8, 0.5
HEADLINE = "thompson"
VALUE_USD = 0.05  # of a right answer
START_USD, SHARE = 0.10, 0.10  # the budget for exploring: a sum, and a share of all that is spent


def learners() -> Mapping[str, Callable[[], Explorer]]:
    """The bandits as they are measured; none was tuned on these streams' second halves."""
    shared: dict[str, Any] = {
        "objective": Objective(worth_usd=VALUE_USD),
        "purse": Purse(start_usd=START_USD, share=SHARE),
    }
    beliefs = Beliefs(width=PROJECTED + 1)
    return {
        "thompson": partial(Thompson, beliefs=beliefs, scale=0.5, **shared),
        "linucb": partial(LinUcb, beliefs=beliefs, alpha=0.5, **shared),
        "ucb": partial(Ucb, beliefs=Beliefs(width=1), scale=0.3, **shared),
        "epsilon_greedy": partial(EpsilonGreedy, beliefs=beliefs, epsilon=0.05, **shared),
    }


def measure(answers: Answers, make: Callable[[], Bandit], seeds: int, severity: float) -> dict[str, Any]:
    """One bandit on several streams."""
    found = [(regret(of, ran), ran) for of, ran in runs(answers, make, seeds, severity)]
    return {
        "regret_share": interval([each.share for each, _ in found]),
        "regret_points": interval([100.0 * each.learner for each, _ in found]),
        "static_regret_points": interval([100.0 * each.static for each, _ in found]),
        "by_domain_points": interval([100.0 * each.learner_by_domain for each, _ in found]),
        "hindsight_by_domain_points": interval([100.0 * each.hindsight_by_domain for each, _ in found]),
        "accuracy": interval([float(ran.quality.mean()) for _, ran in found]),
        "spent_usd": interval([ran.usd for _, ran in found]),
        "explored_usd": interval([ran.explored_usd for _, ran in found]),
        "budget_usd": interval([ran.budget_usd for _, ran in found]),
        "alarms": interval([ran.alarms for _, ran in found]),
        "overdrawn": any(ran.overdrawn for _, ran in found),
    }


def figures(answers: Answers, seeds: int) -> dict[str, Any]:
    """Every bandit, and the first one under a lesser and a whole failure."""
    told: dict[str, Any] = {}
    for name, make in learners().items():
        told[name] = measure(answers, make, seeds, SEVERITY)
        say(f"{name}: {told[name]['regret_share']} of the static policy's regret")
    for name, peer in peers(answers.models).items():
        told[name] = measure(answers, peer, max(seeds // 2, 2), SEVERITY)
        say(f"{name}: {told[name]['regret_share']}")
    for severity in (0.25, 1.0):
        found = measure(answers, learners()[HEADLINE], max(seeds // 2, 2), severity)
        told[f"{HEADLINE}_severity_{severity:g}"] = found
        say(f"{HEADLINE} at severity {severity:g}: {found['regret_share']}")
    first = told[HEADLINE]
    return {
        "regret_share": first["regret_share"]["high"],
        "regret_share_95": [first["regret_share"]["low"], first["regret_share"]["high"]],
        "explored_within_budget": not any(each["overdrawn"] for each in told.values()),
        "questions": len(answers.right),
        "seeds": seeds,
        **told,
    }


def met(found: Mapping[str, Any]) -> bool:
    """Whether the worst of the seeds' interval is within the target, and no budget was overdrawn."""
    return bool(found["regret_share"] <= MOST_REGRET and found["explored_within_budget"])


if __name__ == "__main__":
    sys.exit(main(Claim("online", __doc__ or "", "seeds", SEEDS, TARGET, figures, met)))
