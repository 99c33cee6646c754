"""`weir evaluate`: what another model-selection policy would have earned, told from decision records."""

from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import Json

if TYPE_CHECKING:
    from cli.selections import Selection
    from policies.evaluate.logged import Estimate
    from policies.select.objective import Objective
    from policies.select.port import Selector

FEWEST = 20
ALWAYS = "always:"
REQUEST, SESSION = "request", "session"


def evaluate(
    file: Annotated[Path, typer.Argument(help="Decision records with judged model choices.")],
    policy: Annotated[str, typer.Option(help="A model-selection policy, or always:MODEL.")],
    value_usd: Annotated[
        float, typer.Option("--value", min=0.0, help="Dollars that an answer of quality 1 is worth.")
    ] = 0.01,
    surge: Annotated[
        float, typer.Option(min=0.0, help="How fast the policy has a model's price rise as its replica fills.")
    ] = 0.0,
    late: Annotated[float, typer.Option(min=0.0, help="Dollars of a predicted second past a deadline to it.")] = 0.0,
    joule: Annotated[float, typer.Option(min=0.0, help="Dollars of a predicted joule to it.")] = 0.0,
    learn: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of the records it learns from first.")] = 0.5,
    clip: Annotated[float, typer.Option(min=1.0, help="Most that one decision may count.")] = 50.0,
    by: Annotated[
        str, typer.Option(help="What is judged: request, or session by what its last verdict says.")
    ] = REQUEST,
    json_to: Json = "",
) -> None:
    """Say what a policy would have earned per request or session on the later records, and how sure that is."""
    from cli.door import WrongUse
    from cli.output import write_json
    from cli.selections import selections
    from policies.select.objective import Objective

    weighs = Objective(worth_usd=value_usd, late_usd=late, joule_usd=joule, surge=surge)
    if by not in (REQUEST, SESSION):
        raise WrongUse(f"--by {by}: request or session")
    if by == SESSION:
        from cli.evaluate_sessions import judge_file

        result = judge_file(file, policy, value_usd=value_usd, learn=learn, clip=clip, weighs=weighs)
    else:
        found = selections(file)
        judged = [one for one in found if one.quality == one.quality]
        unjudged = len(found) - len(judged)
        result = judge(judged, policy, value_usd=value_usd, learn=learn, clip=clip, unjudged=unjudged, weighs=weighs)
    write_json(json_to, result)
    if json_to != "-":
        typer.echo("\n".join(words(policy, result, by)))


def judge(
    judged: "Sequence[Selection]", policy: str, *, value_usd: float, learn: float, clip: float, unjudged: int = 0,
    weighs: "Objective | None" = None,
) -> dict[str, Any]:  # fmt: skip
    """Every estimator's answer on the records that the policy did not learn from.

    An answer earns its value less its bill, whatever the policy weighs beside them.
    """
    from cli.door import WrongUse
    from cli.selections import logged
    from policies.evaluate.logged import ESTIMATORS
    from policies.select.objective import Objective

    cut = int(learn * len(judged))
    earlier, later = judged[:cut], judged[cut:]
    if len(later) < FEWEST:
        raise WrongUse(f"{len(later)} judged decisions are too few to tell anything from, {FEWEST} are needed")
    weighs = weighs or Objective(worth_usd=value_usd)
    log = logged(later, taught(policy, earlier, later, weighs), value_usd)
    return {
        "policy": policy,
        "decisions": len(later),
        "learned_from": len(earlier),
        "unjudged": unjudged,
        "logged_usd": float(log.reward.mean()),
        "estimates": {name: told(ESTIMATORS[name](log, clip)) for name in ESTIMATORS.names()},
    }


def taught(
    policy: str, earlier: "Sequence[Selection]", later: "Sequence[Selection]", weighs: "Objective"
) -> "Selector":
    """The policy, having learned from the earlier records where it learns."""
    from cli.door import WrongUse
    from policies.select.beliefs import Beliefs
    from policies.select.exploring import Explorer
    from policies.select.foretold import QUALITY
    from policies.select.learners import READ
    from policies.select.port import SELECTORS
    from policies.select.session_q import SessionQ

    if policy.startswith(ALWAYS):
        return Always(policy.removeprefix(ALWAYS), {option.model for one in later for option in one.options})
    kind: Any = SELECTORS[policy]
    needed = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    if needed:
        raise WrongUse(
            f"{policy} cannot be judged by name alone: it needs {', '.join(needed)}, which a file would tell"
        )
    if kind is SessionQ:
        raise WrongUse(f"{policy} is about whole sessions: judge it with --by session")
    if READ.get(policy) == QUALITY and not any(QUALITY in one.context.readings for one in later):
        raise WrongUse(f"{policy} cannot be judged by these records: none of them holds the reading {QUALITY!r}")
    width = 1 + max(len(one.context.features) for one in later)
    more = {"beliefs": Beliefs(width=width)} if issubclass(kind, Explorer) else {}
    made = kind(objective=weighs, **more)
    told = [one.feedback() for one in earlier]
    return made.learn(told) if told and hasattr(made, "learn") else made  # type: ignore[no-any-return]


class Always:
    """One model where it can be had, else the first option."""

    def __init__(self, model: str, known: set[str]) -> None:
        from cli.door import WrongUse

        if model not in known:
            raise WrongUse(f"no decision could choose model {model!r}; known: {', '.join(sorted(known))}")
        self.model = model

    def choose(self, context: Any, options: Sequence[Any]) -> Any:
        """That model's first option."""
        from policies.select.port import Choice

        return Choice(next((i for i, one in enumerate(options) if one.model == self.model), 0), 1.0, "always")


def told(estimate: "Estimate") -> dict[str, float]:
    """An estimate as JSON."""
    return {name: float(value) for name, value in estimate._asdict().items()}


def words(policy: str, result: dict[str, Any], by: str = REQUEST) -> list[str]:
    """The verdict in words, the doubly robust estimate first."""
    what = "sessions" if by == SESSION else "decisions"
    sure, logged = result["estimates"]["doubly_robust"], result["logged_usd"]
    verdict = "more" if sure["low"] > logged else "less" if sure["high"] < logged else "not surely more or less"
    lines = [
        f"{policy} would have earned ${sure['value']:.6f} a {by} (95 % interval {sure['low']:.6f} to "
        f"{sure['high']:.6f}); what ran earned ${logged:.6f}: {verdict}.",
        f"Judged on {result['decisions']:,} {what}, learned from {result['learned_from']:,} before them; "
        f"{result['unjudged']:,} were never judged. They are worth {sure['effective']:.0f} {what} of its own, "
        f"{sure['clipped']:.1%} of the weights were cut.",
    ]
    others = [(name, each) for name, each in result["estimates"].items() if name != "doubly_robust"]
    return lines + [
        f"  {name:<7}{each['value']:.6f} ({each['low']:.6f} to {each['high']:.6f})" for name, each in others
    ]
