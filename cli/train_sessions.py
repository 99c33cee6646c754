"""`weir train sessions`: what a turn is worth to its session, from a router's records or from the simulator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.session_logs import Session
    from policies.evaluate.logged import Estimate
    from policies.select.session_q import SessionQ
    from policies.select.session_values import SessionValues, Step
    from router.learn.session_head import SessionHead
    from sims.task_sessions import Behaviour

SIMULATED = ("small", "large")
"""The models of simulated sessions: a cheap one that loses its way among failures, and a dear one that holds out."""

LOGGING = (0.5, 0.3, 0.1, 0.1)  # how often simulated logs take small, large, and each with a cut
LEARNED, TRIED = 2400, 1500  # simulated sessions to learn from, and to try each policy on
FEWEST = 20  # judged sessions to learn from


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What sessions are worth."""

    completed_usd: float = 0.10
    unjudged: float = float("nan")  # what one comes to that nobody judged; NaN leaves it out


def session_head(data: Path | None, worth: Worth) -> "SessionHead":
    """The head of a file of decision records, of the simulator where none is named; raises `BadRecord`."""
    return _of_simulator(worth) if data is None else _of_records(data, worth)


def _of_records(data: Path, worth: Worth) -> "SessionHead":
    from cli.decisions import BadRecord
    from cli.session_logs import models_of, sessions
    from router.learn.session_head import SessionHead

    found, left_out = sessions(data, worth.unjudged)
    if len(found) < FEWEST:
        raise BadRecord(
            f"{data} holds {len(found)} judged sessions of {len(found) + left_out}, and {FEWEST} are needed: send POST "
            "/v1/feedback on their last decisions, or say with --unjudged what such a session comes to"
        )
    models = models_of(found)
    steps = [step for one in found for step in one.steps(models, worth.completed_usd)]
    how, earned = _judged(found, models, worth.completed_usd)
    card = _card(str(data.name), len(found), left_out, steps, models, worth) | {"how": how, "earned_usd": earned}
    return SessionHead(models=models, values=_fitted(steps, models), card=card)


def _judged(found: "Sequence[Session]", models: Sequence[str], worth_usd: float) -> tuple[str, dict[str, Any]]:
    """How well a policy learned from the earlier half of the sessions does on the later half, as records can tell."""
    half = len(found) // 2
    earlier, later = found[:half], found[half:]
    logged = {"what was logged": told(_mean([sum(s.reward for s in one.steps(models, worth_usd)) for one in later]))}
    if not all(one.options for session in found for one in session.turns):
        return "Not beside other policies: some turns had their model chosen by no learner, so nothing tells.", logged
    estimates = judge_sessions(later, learned(earlier, models, worth_usd), models, worth_usd)
    how = (f"Learned from the first {len(earlier):,} sessions, judged on the later {len(later):,} by what was logged: "
           "fitted values of turns (direct), and the same corrected by propensities (doubly robust).")  # fmt: skip
    return how, logged | {f"learned, {name.replace('_', ' ')}": told(each) for name, each in estimates.items()}


def judge_sessions(
    later: "Sequence[Session]", policy: Any, models: Sequence[str], worth_usd: float, clip: float = 50.0
) -> "dict[str, Estimate]":
    """Dollars a session of a policy, by each estimator."""
    from cli.session_logs import walk
    from policies.evaluate.by_session import estimates

    return estimates([walk(one, policy, models, worth_usd) for one in later], clip)


def learned(found: "Sequence[Session]", models: Sequence[str], worth_usd: float) -> "SessionQ":
    """The policy that sessions teach; it tries nothing out."""
    steps = [step for one in found for step in one.steps(models, worth_usd)]
    return policy_of(_fitted(steps, models), models)


def policy_of(values: "SessionValues", models: Sequence[str]) -> "SessionQ":
    """A policy of those values."""
    from policies.select.session_q import SessionQ

    return SessionQ(columns={name: at for at, name in enumerate(models)}, values=values)


def _of_simulator(worth: Worth) -> "SessionHead":
    from policies.select.session_values import Action
    from router.learn.session_head import SessionHead
    from sims.task_sessions import Sessions, at_random, by_policy, earned

    world = Sessions(value_usd=worth.completed_usd)
    log = world.log(at_random(len(SIMULATED), LOGGING), LEARNED, 0)
    steps = [step for one in log for step in one]
    values = _fitted(steps, SIMULATED)

    def only(model: int) -> "Behaviour":
        return lambda state, chance: Action(model, False)

    policies: dict[str, Behaviour] = {"learned": by_policy(policy_of(values, SIMULATED), SIMULATED)}
    policies |= {f"always {name}": only(at) for at, name in enumerate(SIMULATED)}
    policies["what wrote the log"] = at_random(len(SIMULATED), LOGGING)
    ran = {name: told(_mean(earned(world.log(each, TRIED, 1)).tolist())) for name, each in policies.items()}
    how = f"Each policy on {TRIED:,} fresh sessions of the simulator (`sims/task_sessions.py`); nobody recorded them."
    card = _card("the simulator", len(log), 0, steps, SIMULATED, worth) | {"how": how, "earned_usd": ran}
    return SessionHead(models=SIMULATED, values=values, card=card)


def _fitted(steps: "Sequence[Step]", models: Sequence[str]) -> "SessionValues":
    from policies.select.session_values import fitted

    return fitted(steps, len(models))


def _card(
    source: str, count: int, left_out: int, steps: "Sequence[Step]", models: Sequence[str], worth: Worth
) -> dict[str, Any]:
    cuts = sum(step.action >= len(models) for step in steps)
    return {"source": source, "sessions": count, "turns": len(steps), "cuts": cuts, "left_out": left_out,
            "worth_usd": worth.completed_usd}  # fmt: skip


def _mean(values: Sequence[float]) -> "Estimate":
    import numpy as np

    from policies.evaluate.logged import Z95, Estimate

    mean, error = float(np.mean(values)), float(np.std(values)) / len(values) ** 0.5
    return Estimate(mean, mean - Z95 * error, mean + Z95 * error, float(len(values)), 0.0)


def told(estimate: "Estimate") -> Mapping[str, float]:
    """An estimate's middle and ends."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
