"""A model-selection policy from plain settings, as a rules file has them once its form is known to be right."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from policies.registry import BadSetting, known, strict
from policies.request import hash31
from policies.select.beliefs import Beliefs, Settings
from policies.select.columns import Columns
from policies.select.exploring import Explorer
from policies.select.foretold import QUALITY
from policies.select.model_reputation import DOMAIN
from policies.select.objective import Objective
from policies.select.port import SELECTORS, Selector
from policies.select.purse import Purse
from policies.select.session_q import SessionQ
from policies.select.session_values import SessionValues

Plain = Mapping[str, Any]

SHARES = frozenset({"epsilon", "floor"})
"""Settings that are probabilities."""

OUTPUT_P50 = "output_p50"
"""The learned reading of how long an answer will be: its median in tokens."""

READ = {"best_value": QUALITY, "model_reputation": DOMAIN, "failure_memory": DOMAIN}
"""The learned reading that a policy goes by, beside what its learner is given to see."""

HEAD = "head"
"""What settings hold beside what a file says where a policy goes by a head of sessions: version, columns, values."""


def learner(told: Plain, share: float = 1.0) -> Selector:
    """The policy that settings tell, with a share of their budget; raises `BadSetting` and `UnknownName`."""
    name = str(told["policy"])
    kind: Any = SELECTORS[name]
    settings = _scalars(name, kind, told.get("settings", {}))
    made: dict[str, Any] = {**settings, "objective": strict(Objective, "objective", told.get("objective", {}))}
    if issubclass(kind, Explorer):
        width = 1 + columns(told).width()
        made["beliefs"] = Beliefs(width=width, settings=strict(Settings, "evidence", told.get("evidence", {})))
        made["purse"] = purse(told.get("budget", {}), share)
    if kind is SessionQ and HEAD in told:
        made |= {"columns": told[HEAD]["columns"], "values": SessionValues.from_plain(told[HEAD]["values"])}
    return kind(**made)  # type: ignore[no-any-return]


def idle(told: Plain) -> list[str]:
    """Parts of the settings that say nothing to a policy that explores nothing."""
    kind: Any = SELECTORS[str(told["policy"])]
    return [] if issubclass(kind, Explorer) else sorted({"evidence", "budget"} & set(told))


def beside(told: Plain) -> dict[str, Any]:
    """The canary's learner, as settings of its own: what it does not say is as the other's."""
    canary = told["canary"]
    return {**told, "policy": canary["policy"], "settings": canary.get("settings", {})}


def label(told: Plain) -> str:
    """A name that changes with the policy, its own settings or the head that it goes by."""
    settings = " ".join(f"{key}={float(value)!r}" for key, value in sorted(told.get("settings", {}).items()))
    if by_session(told) and HEAD in told:
        settings = f"{settings} {told[HEAD]['version']}"
    return f"{told['policy']}-{hash31(settings):08x}" if settings else str(told["policy"])


def by_session(told: Plain) -> bool:
    """Whether its policy goes by whole sessions: it may have failed turns cut out."""
    return SELECTORS[str(told["policy"])] is SessionQ


def columns(told: Plain) -> Columns:
    """What its learner sees of a request; raises `BadSetting`."""
    return Columns(names=tuple(told.get("context", ())), embedding=int(told.get("embedding", 0)))


def wanted(told: Plain) -> frozenset[str]:
    """The learned readings that a learner so told goes by."""
    own = {READ[told["policy"]]} if told["policy"] in READ else set()
    also = ({QUALITY} if told.get("quality") else set()) | ({OUTPUT_P50} if told.get("lengths") else set())
    return columns(told).wanted() | own | also


def purse(told: Plain, share: float) -> Purse:
    """A share of a budget: its sum is divided; its share of what is spent holds for whatever part that is."""
    found: Purse = strict(Purse, "budget", told)
    return Purse(start_usd=found.start_usd * share, share=found.share)


def _scalars(name: str, kind: Any, told: Plain) -> dict[str, float]:
    """A policy's own numbers."""
    there = [field.name for field in fields(kind) if field.type is float]
    for key, value in told.items():
        if key not in there:
            raise BadSetting(f"{name} has no setting {key!r}: {known(key, there) if there else 'it has none'}")
        if value < 0.0 or (key in SHARES and value > 1.0):
            raise BadSetting(f"{name}: {key} is {value:g}, and must be {'from 0 to 1' if key in SHARES else 'over 0'}")
    return {key: float(value) for key, value in told.items()}
