"""What rules ask of sessions, from plain values."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from policies.select.rules.conditions import BadRules, Conditions, Plain
from policies.select.rules.sessions import (
    ApplicationRule,
    BudgetRule,
    ReputationRule,
    RiskRule,
    SessionRules,
    StickyRule,
    ToolChoice,
)
from policies.sessions.memory_tier import Shaping
from policies.sessions.risk import Thresholds
from policies.sessions.stickiness import Stickiness
from policies.sessions.token_budget import Ladder
from policies.sessions.tool_rights import Mode, Rights
from policies.signals.learned import LEARNED

T = TypeVar("T")


def session_rules(made: Conditions, plain: Plain) -> SessionRules:
    """What plain values tell of sessions; raises `BadRules`."""
    kinds: Mapping[str, Callable[[Plain], Any]] = {
        "risk": _risk, "reputation": _made(ReputationRule), "applications": _made(ApplicationRule),
        "stickiness": _sticky, "token_budget": _budget, "tool_rights": _rights, "tool_choice": _made(ToolChoice),
        "memory": _made(Shaping),
    }  # fmt: skip
    told: dict[str, Any] = {name: _one(kind, plain.get(name)) for name, kind in kinds.items()}
    bounds = {name: plain[name] for name in ("ttl_s", "most") if name in plain}
    actions = {
        name: made.made(when, ("sessions", "commitments", name)) for name, when in plain.get("commitments", {}).items()
    }
    return SessionRules(**bounds, **told, commitments=actions)


def _one(kind: Callable[[Plain], T], told: Plain | bool | None) -> T | None:
    """A mechanism by its section; `true` takes the defaults, `false` is as if it were not there."""
    if told is None or told is False:
        return None
    return kind({} if told is True else told)


def _made(kind: Callable[..., T]) -> Callable[[Plain], T]:
    return lambda told: kind(**_tupled(told))


def _risk(told: Plain) -> RiskRule:
    signals = tuple(told.get("signals", RiskRule().signals))
    for i, name in enumerate(signals):
        if name not in LEARNED or LEARNED[name].kind != "flag":
            flags = ", ".join(sorted(one for one, learned in LEARNED.items() if learned.kind == "flag"))
            raise BadRules(("sessions", "risk", "signals", i), f"{name!r} is no guard: risk adds up {flags}")
    return RiskRule(signals=signals, thresholds=Thresholds(**_but(told, "signals")))


def _sticky(told: Plain) -> StickyRule:
    turns = {"turns": told["turns"]} if "turns" in told else {}
    return StickyRule(quality=told["quality"], price=Stickiness(**_but(told, "quality", "turns")), **turns)


def _budget(told: Plain) -> BudgetRule:
    own = {name: told[name] for name in ("expected", "tools") if name in told}
    return BudgetRule(**_tupled(own), ladder=Ladder(**_but(told, "expected", "tools")))


def _rights(told: Plain) -> Rights:
    return Rights(roles=_tupled(told["roles"]), mode=Mode(told.get("mode", Mode.REWRITE.value)))


def _but(told: Plain, *names: str) -> dict[str, Any]:
    return {key: value for key, value in _tupled(told).items() if key not in names}


def _tupled(told: Plain) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
