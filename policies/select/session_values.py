"""Which model takes a session's next turn, and whether its last turns are cut first: learned offline from logs (O1).

Fitted Q iteration with linear values, and pessimism where the log is thin: an action is worth its value less what its
standard error allows (Jin et al. 2021), which does for linear values what conservative Q learning does for networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class State(NamedTuple):
    """What a router sees of a session before a turn."""

    turn: int
    context_tokens: float
    failures: int  # failed tool calls since the last clean turn or cut
    last_model: int  # -1 before the first turn
    successes: int = 0  # turns that got on so far


class Action(NamedTuple):
    """Who answers, and whether the failed turns are cut out first."""

    model: int
    intervene: bool


class Step(NamedTuple):
    """One logged turn."""

    state: State
    action: int  # its place among the actions
    reward: float  # dollars: the worth of a completed session at its end, less what the turn cost
    then: State | None  # None at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How values are fitted."""

    discount: float = 0.98
    pessimism: float = 1.0  # standard errors taken off
    ridge: float = 3.0  # in turns
    rounds: int = 60
    most_failures: int = 3  # more count as so many
    tokens: float = 10_000.0  # what context is measured in


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionValues:
    """Values by action: weights (actions, width), their covariances (actions, width, width) and noise."""

    models: int
    settings: Settings
    weights: Floats
    inverse: Floats
    noise: Floats  # (actions,), dollars

    def values(self, state: State) -> Floats:
        """What each action is worth at the least that is likely; shape (actions,)."""
        return np.asarray(self.of(features([state], self.models, self.settings))[0])

    def act(self, state: State) -> Action:
        """The action of the highest sure value; one that cuts nothing where nothing failed."""
        values = self.values(state)
        told = actions(self.models)
        allowed = [i for i, each in enumerate(told) if state.failures > 0 or not each.intervene]
        return told[max(allowed, key=lambda i: (values[i], -i))]

    def plain(self) -> dict[str, Any]:
        """The same as lists and numbers, as a message has them; see `from_plain`."""
        arrays = {"weights": self.weights.tolist(), "inverse": self.inverse.tolist(), "noise": self.noise.tolist()}
        return {"models": self.models, "settings": asdict(self.settings), **arrays}

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> Self:
        """The values that `plain` told; raises KeyError, TypeError or ValueError where it is none of its."""
        return cls(
            models=int(told["models"]),
            settings=Settings(**told["settings"]),
            weights=np.asarray(told["weights"], np.float64),
            inverse=np.asarray(told["inverse"], np.float64),
            noise=np.asarray(told["noise"], np.float64),
        )

    def of(self, x: Floats) -> Floats:
        """Lower bounds of the values of rows of features; shape (rows, actions)."""
        spread = np.sqrt(np.maximum(np.einsum("nd,ade,ne->na", x, self.inverse, x), 0.0))
        return np.asarray(x @ self.weights.T - self.settings.pessimism * self.noise * spread)


def actions(models: int) -> tuple[Action, ...]:
    """Every model, first without a cut, then with one."""
    return tuple(Action(model, cut) for cut in (False, True) for model in range(models))


def fitted(steps: Sequence[Step], models: int, settings: Settings | None = None) -> SessionValues:
    """Values learned from logged turns, whatever policy took them."""
    told = settings or Settings()
    x = features([one.state for one in steps], models, told)
    then = features([one.then or one.state for one in steps], models, told)
    goes_on = np.array([one.then is not None for one in steps])
    reward, action = np.array([one.reward for one in steps]), np.array([one.action for one in steps])
    may_cut = np.array([one.then is not None and one.then.failures > 0 for one in steps])
    rows = [np.flatnonzero(action == each) for each in range(2 * models)]
    inverse = np.stack([np.linalg.inv(x[own].T @ x[own] + told.ridge * np.eye(x.shape[1])) for own in rows])
    found = SessionValues(
        models=models, settings=told, weights=np.zeros((2 * models, x.shape[1])), inverse=inverse,
        noise=np.zeros(2 * models),
    )  # fmt: skip
    for _ in range(told.rounds):
        values = found.of(then)
        values[~may_cut, models:] = -np.inf
        target = reward + told.discount * np.where(goes_on, values.max(axis=1), 0.0)
        found = _regressed(found, x, target, rows)
    return found


def features(states: Sequence[State], models: int, settings: Settings) -> Floats:
    """Failures one by one, turn, context, successes and the last model; shape (states, width)."""
    levels = settings.most_failures + 1
    x = np.zeros((len(states), levels + 5 + models))
    for row, state in enumerate(states):
        x[row, min(max(state.failures, 0), settings.most_failures)] = 1.0
        x[row, levels] = state.turn / 10.0
        x[row, levels + 1] = state.context_tokens / settings.tokens
        x[row, levels + 2] = state.context_tokens / settings.tokens * (state.failures > 0)
        x[row, levels + 3] = state.successes / 10.0
        x[row, levels + 4] = state.successes / 10.0 * (state.failures > 0)
        if 0 <= state.last_model < models:
            x[row, levels + 5 + state.last_model] = 1.0
    return x


def _regressed(old: SessionValues, x: Floats, target: Floats, rows: Sequence[npt.NDArray[np.intp]]) -> SessionValues:
    weights, noise = np.zeros_like(old.weights), np.zeros_like(old.noise)
    everything = float(target.std())
    for action, own in enumerate(rows):
        weights[action] = old.inverse[action] @ (x[own].T @ target[own])
        off = target[own] - x[own] @ weights[action]
        noise[action] = float(np.sqrt(np.mean(np.square(off)))) if len(own) > x.shape[1] else everything
    return SessionValues(models=old.models, settings=old.settings, weights=weights, inverse=old.inverse, noise=noise)
