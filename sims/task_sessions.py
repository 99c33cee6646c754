"""A small simulator of agent sessions: steps to do, failures that pollute the context, users who give up.

A failed step stays in the context and makes the next one harder; cutting it out costs the prefill of what is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from policies.select.port import Context, Option, Selector
from policies.select.session_q import STATE
from policies.select.session_values import Action, State, Step, actions
from policies.signals.reading import Reading

Behaviour = Callable[[State, np.random.Generator], Action]


class Model(NamedTuple):
    """One model as sessions meet it."""

    succeeds: float  # chance of a step with a clean context
    polluted: float  # factor of that chance per failure in the context
    usd_per_mtok_in: float
    usd_per_mtok_out: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """What sessions are like; lengths may be fitted to recorded ones."""

    models: tuple[Model, ...] = (Model(0.72, 0.55, 0.1, 0.4), Model(0.85, 0.75, 2.5, 10.0))
    steps: float = 8.0  # mean steps to completion
    first_tokens: float = 1300.0
    turn_tokens: float = 200.0
    out_tokens: float = 100.0
    cached: float = 0.1  # price of a prompt token that the same model has cached
    gives_up: float = 0.10  # chance per failure in the context, each turn
    most_turns: int = 40
    value_usd: float = 0.10  # of a completed session

    def session(self, behave: Behaviour, chance: np.random.Generator) -> list[Step]:
        """One session under a policy, as a log has it."""
        state, left, steps = State(0, self.first_tokens, 0, -1), int(1 + chance.poisson(self.steps - 1.0)), []
        while True:
            action = behave(state, chance)
            after, done, usd = self._turn(state, action, chance)
            left -= done
            over = left == 0 or self._leaves(after, chance)
            reward = self.value_usd * (left == 0) - usd
            steps.append(Step(state, actions(len(self.models)).index(action), reward, None if over else after))
            if over:
                return steps
            state = after

    def log(self, behave: Behaviour, n: int, seed: int) -> list[list[Step]]:
        """Several sessions."""
        chance = np.random.default_rng(seed)
        return [self.session(behave, chance) for _ in range(n)]

    def _turn(self, state: State, action: Action, chance: np.random.Generator) -> tuple[State, bool, float]:
        model = self.models[action.model]
        cut = min(state.failures * self.turn_tokens, state.context_tokens) if action.intervene else 0.0
        failures, context = 0 if action.intervene else state.failures, state.context_tokens - cut
        cold = action.intervene or action.model != state.last_model
        fresh = context if cold else min(self.turn_tokens, context)
        prompt = (fresh + self.cached * (context - fresh)) * model.usd_per_mtok_in
        usd = (prompt + self.out_tokens * model.usd_per_mtok_out) / 1e6
        done = bool(chance.random() < model.succeeds * model.polluted**failures)
        after = State(
            turn=state.turn + 1,
            context_tokens=context + self.turn_tokens,
            failures=0 if done and not failures else failures + (not done),
            last_model=action.model,
            successes=state.successes + done,
        )
        return after, done, usd

    def _leaves(self, state: State, chance: np.random.Generator) -> bool:
        return state.turn >= self.most_turns or bool(chance.random() < self.gives_up * state.failures)


def earned(sessions: Sequence[Sequence[Step]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Dollars of each session: its worth if it was completed, less its cost; shape (sessions,)."""
    return np.array([sum(step.reward for step in one) for one in sessions])


def at_random(models: int, shares: Sequence[float]) -> Behaviour:
    """A behaviour that takes each action with its share, and cuts only where something failed."""
    told = actions(models)

    def behave(state: State, chance: np.random.Generator) -> Action:
        action = told[int(chance.choice(len(told), p=shares))]
        return action if state.failures else Action(action.model, False)

    return behave


def by_policy(policy: Selector, names: Sequence[str]) -> Behaviour:
    """A model-selection policy as a behaviour: it sees what the gateway's would; `names` are the models' in order."""

    def behave(state: State, chance: np.random.Generator) -> Action:
        read = {STATE: Reading(float(state.failures), scores={name: float(getattr(state, name)) for name in SEEN})}
        last = names[state.last_model] if state.last_model >= 0 else ""
        context = Context(f"{chance.integers(1 << 62):x}", np.zeros(0), read, last_model=last)
        cuts = (False, True) if state.failures else (False,)
        options = [Option(name, name, 0.0, intervene=cut) for cut in cuts for name in names]
        taken = options[policy.choose(context, options).option]
        return Action(names.index(taken.model), taken.intervene)

    return behave


SEEN = ("turn", "context_tokens", "failures", "successes")


def like(recorded: Sequence[Sequence[tuple[float, float]]]) -> Sessions:
    """Sessions as long as recorded ones; `recorded`: (input, output) tokens of each turn of each session."""
    grown = [(one[-1][0] - one[0][0]) / (len(one) - 1) for one in recorded if len(one) > 1]
    if not grown:
        raise ValueError("no recorded session has two turns: nothing can be told of how contexts grow")
    turns = float(np.mean([len(one) for one in recorded]))
    usual = Sessions()
    return Sessions(
        steps=max(turns * usual.models[1].succeeds, 2.0),
        first_tokens=float(np.mean([one[0][0] for one in recorded])),
        turn_tokens=float(np.mean(grown)),
        out_tokens=float(np.mean([output for one in recorded for _, output in one])),
    )
