"""A bandit whose truth is known: three actions, a feature that decides which is good."""

import numpy as np

from policies.evaluate.logged import Floats, Logged

ACTIONS = 3
LOGGING = np.array([0.6, 0.3, 0.1])


def chances(x: Floats) -> Floats:
    """How likely each action's reward is; shape (n, actions)."""
    return np.stack([np.full(len(x), 0.5), 0.3 + 0.4 * x, 0.8 - 0.5 * x], axis=1)


def logged(seed: int, n: int = 1500, *, lie: float = 1.0) -> tuple[Logged, float]:
    """A log under fixed odds, told `lie` times too low, and what the new policy would earn on these requests."""
    chance = np.random.default_rng(seed)
    x = chance.random(n)
    action = chance.choice(ACTIONS, n, p=LOGGING)
    reward = (chance.random(n) < chances(x)[np.arange(n), action]).astype(float)
    target = np.zeros((n, ACTIONS))
    target[np.arange(n), np.where(x > 0.5, 1, 2)] = 0.9
    target[:, 0] += 0.1
    log = Logged(features=x[:, None], action=action, reward=reward, propensity=LOGGING[action] * lie, target=target)
    return log, float((target * chances(x)).sum(axis=1).mean())
