"""Who logged, and whose worth is asked: all learned from questions that no log holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.online.answers import PROJECTED, Answers, Floats
from policies.evaluate.logged import Ints
from policies.evaluate.target import odds
from policies.select.beliefs import Beliefs
from policies.select.epsilon_greedy import EpsilonGreedy
from policies.select.exploring import Explorer
from policies.select.linucb import LinUcb
from policies.select.objective import Objective
from policies.select.port import Context, Feedback, Option, Selector
from policies.select.thompson import Thompson

LEARNED_ON = 1000
MODELS = 8  # the fleet: the best by what was learned from
ASKED = 0.99
FLOOR = 0.5  # share of the logged decisions drawn evenly
USUAL, THRIFTY = Objective(worth_usd=0.05), Objective(worth_usd=0.003)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Questions that every model answered: (n, width), (n, models), (n, models)."""

    vectors: Floats
    right: Floats
    usd: Floats
    models: tuple[str, ...]

    def context(self, row: int) -> Context:
        """One request."""
        return Context(f"question-{row}", self.vectors[row])

    def options(self, row: int) -> list[Option]:
        """The models that it may go to."""
        return [Option(one, "default", float(self.usd[row, at])) for at, one in enumerate(self.models)]

    def truth(self, target: Floats) -> float:
        """What a policy earns on all of them."""
        return float((target * self.right).sum(axis=1).mean())


def split(answers: Answers) -> tuple[Questions, Questions]:
    """Questions to learn from and questions to log, of the best of the models that were asked nearly everything."""
    asked = np.flatnonzero(np.isfinite(answers.right).mean(axis=0) >= ASKED)
    whole = np.flatnonzero(np.isfinite(answers.right[:, asked]).all(axis=1))
    whole = np.random.default_rng(0).permutation(whole)
    learned = min(LEARNED_ON, len(whole) // 4)
    best = np.argsort(-answers.right[np.ix_(whole[:learned], asked)].mean(axis=0))[:MODELS]
    fleet = np.sort(asked[best])
    return _of(answers, whole[:learned], fleet), _of(answers, whole[learned:], fleet)


def logging_odds(learned_on: Questions, asked: Questions) -> Floats:
    """A Thompson bandit that saw one answer a question, frozen, with a floor; shape (n, models)."""
    learner = _taught(Thompson(beliefs=_beliefs(), objective=USUAL, scale=0.5), learned_on)
    return _odds(Thompson(beliefs=learner.beliefs, objective=USUAL, floor=FLOOR), asked)


def targets(learned_on: Questions, asked: Questions) -> Mapping[str, Floats]:
    """Policies that did not run, as odds over the models; shape (n, models) each."""
    whole = [_feedback(learned_on, row, at) for row in range(len(learned_on.right)) for at in range(len(asked.models))]
    beliefs = _beliefs().learn(whole)
    ranked = np.argsort(-learned_on.right.mean(axis=0))
    return {
        "linucb": _odds(LinUcb(beliefs=beliefs, objective=USUAL, alpha=0.5), asked),
        "epsilon_greedy": _odds(EpsilonGreedy(beliefs=beliefs, objective=USUAL, epsilon=0.2), asked),
        "thrifty": _odds(LinUcb(beliefs=beliefs, objective=THRIFTY, alpha=0.0), asked),
        "best_model": np.tile(np.eye(len(asked.models))[ranked[0]], (len(asked.right), 1)),
        "third_model": np.tile(np.eye(len(asked.models))[ranked[:3][-1]], (len(asked.right), 1)),
    }


def _of(answers: Answers, rows: Ints, fleet: Ints) -> Questions:
    return Questions(
        vectors=answers.vectors[rows],
        right=answers.right[np.ix_(rows, fleet)],
        usd=answers.usd[np.ix_(rows, fleet)],
        models=tuple(answers.models[at] for at in fleet),
    )


def _beliefs() -> Beliefs:
    return Beliefs(width=PROJECTED + 1)


def _feedback(of: Questions, row: int, at: int) -> Feedback:
    right, usd = float(of.right[row, at]), float(of.usd[row, at])
    return Feedback(of.context(row), of.models[at], "default", 1.0, right, usd, 0.0)


def _taught(learner: Explorer, of: Questions) -> Explorer:
    for at in range(0, len(of.right), 10):
        rows = range(at, min(at + 10, len(of.right)))
        chosen = [learner.choose(of.context(row), of.options(row)).option for row in rows]
        learner = learner.learn([_feedback(of, row, option) for row, option in zip(rows, chosen, strict=True)])
    return learner


def _odds(policy: Selector, of: Questions) -> Floats:
    return np.array([odds(policy, of.context(row), of.options(row)) for row in range(len(of.right))])
