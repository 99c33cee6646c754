"""Decision records of simulated sessions, as a router writes them: an even policy chose, the last turn is rated."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cli.train_sessions import SIMULATED
from policies.select.session_values import Action, State, Step, actions
from sims.task_sessions import Sessions

WORLD = Sessions()


def behave(state: State, chance: np.random.Generator) -> Action:
    """Every action that there is, evenly."""
    told = open_to(state)
    return told[int(chance.integers(len(told)))]


def open_to(state: State) -> list[Action]:
    """A cut is offered where something has failed."""
    return [each for each in actions(2) if state.failures or not each.intervene]


def written(folder: Path, count: int, seed: int = 0, *, judged: bool = True) -> Path:
    """The records of so many sessions, and the verdicts on their ends."""
    lines = list[dict[str, Any]]()
    for at, steps in enumerate(WORLD.log(behave, count, seed)):
        lines += [record(at, number, step) for number, step in enumerate(steps)]
        if judged:
            done = steps[-1].reward > WORLD.value_usd / 2.0
            lines.append({"feedback": f"d-{at}-{len(steps) - 1}", "rating": float(done)})
    path = folder / "decisions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def record(session: int, number: int, step: Step) -> dict[str, Any]:
    """One turn."""
    state, taken = step.state, actions(2)[step.action]
    options = [
        {"model": SIMULATED[each.model], "pool": "p", "usd": 0.001, "intervene": each.intervene}
        for each in open_to(state)
    ]
    completed = step.then is None and step.reward > WORLD.value_usd / 2.0
    scores = {
        name: float(getattr(state, name)) for name in ("turn", "context_tokens", "failures", "successes")
    }  # fmt: skip
    last = SIMULATED[state.last_model] if state.last_model >= 0 else ""
    choice = {
        "decision": f"d-{session}-{number}", "model": SIMULATED[taken.model], "last_model": last, "features": [],
        "readings": {"session_state": {"value": scores["failures"], "label": "", "scores": scores}},
        "chosen": open_to(state).index(taken), "propensity": 1.0 / len(options), "options": options,
        "billed_usd": WORLD.value_usd * completed - step.reward,
    }  # fmt: skip
    return {
        "id": f"r-{session}-{number}", "at": 100.0 * session + number, "candidates": [], "chosen": "x", "why": "w",
        "request": {"model": "auto", "tenant": "acme", "session": f"s{session}"}, "propensity": 1.0, "choice": choice,
        "outcome": {"ok": True, "status": 200, "cost_usd": 0.0},
    }  # fmt: skip
