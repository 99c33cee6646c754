"""`weir evaluate --by session`: what another policy would have earned a session, told from decision records."""

from pathlib import Path
from typing import Any

from cli.evaluate import ALWAYS, Always, taught, told
from policies.select.objective import Objective

SESSION_Q = "session_q"
FEWEST = 20


def judge_file(
    file: Path, policy: str, *, value_usd: float, learn: float, clip: float, weighs: Objective | None = None
) -> dict[str, Any]:
    """Every estimator's answer on the sessions that the policy did not learn from; raises `WrongUse`."""
    from cli.door import WrongUse
    from cli.session_logs import models_of, sessions, walk
    from policies.evaluate.by_session import estimates

    found, unjudged = sessions(file)
    cut, models = int(learn * len(found)), models_of(found)
    earlier, later = found[:cut], found[cut:]
    if len(later) < FEWEST:
        raise WrongUse(f"{len(later)} judged sessions are too few to tell anything from, {FEWEST} are needed")
    chosen = selector(policy, earlier, later, models, weighs or Objective(worth_usd=value_usd))
    walks = [walk(one, chosen, models, value_usd) for one in later]
    return {
        "policy": policy,
        "decisions": len(later),
        "learned_from": len(earlier),
        "unjudged": unjudged,
        "logged_usd": sum(float(one.reward.sum()) for one in walks) / len(walks),
        "estimates": {name: told(each) for name, each in estimates(walks, clip).items()},
    }


def selector(policy: str, earlier: Any, later: Any, models: tuple[str, ...], weighs: Objective) -> Any:
    """The policy, having learned from the earlier sessions; one that goes by requests from each of their turns."""
    from cli.train_sessions import learned

    if policy == SESSION_Q:
        return learned(earlier, models, weighs.worth_usd)
    if policy.startswith(ALWAYS):
        return Always(policy.removeprefix(ALWAYS), set(models))
    return taught(policy, [one.selection(turn) for one in earlier for turn in one.turns],
                  [one.selection(turn) for one in later for turn in one.turns], weighs)  # fmt: skip
