"""The settings of a learner made ready for workers: what it reads is there, and the head's models have fleet names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.select.columns import EMBEDDING
from policies.select.foretold import QUALITY
from policies.select.learners import beside, wanted
from policies.select.rules.rule import RuleSet
from weir.strictyaml import BadFile


def readied(learn: Mapping[str, Any], rules: RuleSet, heads: str, name: str) -> dict[str, Any]:
    """The settings with `judged_as` for every model that rules name; raises `BadFile` for what is not installed."""
    read = wanted(learn) | (wanted(beside(learn)) if "canary" in learn else frozenset())
    if any(one.startswith(EMBEDDING) for one in read):
        _see_encoder(name)
    if QUALITY not in read:
        return dict(learn)
    return {**learn, "judged_as": _judged_as(learn.get("judged_as", {}), rules, heads, name)}


def _see_encoder(name: str) -> None:
    from router.classify.encoder import find_model
    from router.classify.weights import NoModel

    try:
        find_model()
    except (ImportError, NoModel) as missing:
        raise BadFile(f"{name}: learn: `embedding` needs an encoder, and {missing}") from None


def _judged_as(named: Mapping[str, str], rules: RuleSet, heads: str, name: str) -> dict[str, str]:
    """The head's name of every model."""
    from router.classify.linear import BadHead
    from router.classify.load import heads_folder
    from router.learn.select_head import load
    from weir.judged import columns_for

    answers = [*(rule.answer for rule in rules.rules), rules.fallback]
    models = list(dict.fromkeys(model for answer in answers for model in answer.models))
    try:
        there = load(Path(heads) if heads else heads_folder()).models
        return {model: there[at] for model, at in zip(models, columns_for(models, there, named), strict=True)}
    except BadHead as bad:
        raise BadFile(f"{name}: learn: it goes by a head of qualities, and {bad}") from None
    except BadFile as bad:
        said = str(bad).replace("; say --judged-as", "; say in `judged_as`,")
        raise BadFile(f"{name}: learn: {said}") from None
