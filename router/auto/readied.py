"""The settings of a learner made ready for workers: what it reads is there, and the head's models have fleet names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from policies.select.columns import EMBEDDING
from policies.select.foretold import QUALITY
from policies.select.learners import HEAD, beside, by_session, wanted
from policies.select.rules.rule import RuleSet
from weir.strictyaml import BadFile


def readied(learn: Mapping[str, Any], rules: RuleSet, heads: str, name: str) -> dict[str, Any]:
    """The settings with `judged_as` for every model that rules name; raises `BadFile` for what is not installed."""
    both = [learn, beside(learn)] if "canary" in learn else [learn]
    read = frozenset[str]().union(*map(wanted, both))
    if any(one.startswith(EMBEDDING) for one in read):
        _see_encoder(name)
    found = dict(learn)
    if any(map(by_session, both)):
        found[HEAD] = _sessions(learn.get("judged_as", {}), rules, heads, name)
    if QUALITY in read:
        found["judged_as"] = _judged_as(learn.get("judged_as", {}), rules, heads, name)
    return found


def _see_encoder(name: str) -> None:
    from router.classify.encoder import find_model
    from router.classify.weights import NoModel

    try:
        find_model()
    except (ImportError, NoModel) as missing:
        raise BadFile(f"{name}: learn: `embedding` needs an encoder, and {missing}") from None


def _sessions(named: Mapping[str, str], rules: RuleSet, heads: str, name: str) -> dict[str, Any]:
    """The head of sessions as workers are told it, with the column of every model."""
    from router.classify.linear import BadHead
    from router.learn.session_head import load

    try:
        head = load(_folder(heads))
    except BadHead as bad:
        raise BadFile(f"{name}: learn: session_q goes by a head of sessions, and {bad}") from None
    return {
        "version": head.version,
        "columns": _columns(rules, head.models, named, name),
        "values": head.values.plain(),
        "card": head.card,
    }


def _judged_as(named: Mapping[str, str], rules: RuleSet, heads: str, name: str) -> dict[str, str]:
    """The head's name of every model."""
    from router.classify.linear import BadHead
    from router.learn.select_head import load

    try:
        there = load(_folder(heads)).models
    except BadHead as bad:
        raise BadFile(f"{name}: learn: it goes by a head of qualities, and {bad}") from None
    return {model: there[at] for model, at in _columns(rules, there, named, name).items()}


def _columns(rules: RuleSet, there: Sequence[str], named: Mapping[str, str], name: str) -> dict[str, int]:
    """Which of a head's models each of the rules' is."""
    from weir.judged import columns_for

    answers = [*(rule.answer for rule in rules.rules), rules.fallback]
    models = list(dict.fromkeys(model for answer in answers for model in answer.models))
    try:
        return dict(zip(models, columns_for(models, tuple(there), named), strict=True))
    except BadFile as bad:
        said = str(bad).replace("; say --judged-as", "; say in `judged_as`,")
        raise BadFile(f"{name}: learn: {said}") from None


def _folder(heads: str) -> Path:
    from router.classify.heads import heads_folder

    return Path(heads) if heads else heads_folder()
