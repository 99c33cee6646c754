"""The files that deploy a plan: Weir's fleet file, read back before anybody relies on it, and Helm values."""

from typing import Any

import yaml

from sims.plan.asked import Asked
from sims.plan.outcome import Part, Plan
from weir.fleetfile import FleetFile, Pool, Slo
from weir.strictyaml import loads

CONTROLLERS = 2
"""Copies of the pool process: one leads, the other takes over."""


def fleet_of(plan: Plan, asked: Asked) -> FleetFile:
    """The fleet, spares among it."""
    ttft_s, tpot_s = asked.slo
    pools = [_pool(part, n) for part, n in zip(plan.chosen.parts, plan.replicas, strict=True) if n]
    return FleetFile(pools=pools, slo=Slo(ttft_s=ttft_s, tpot_s=tpot_s))


def fleet_yaml(plan: Plan, asked: Asked) -> str:
    """The fleet file's text; raises BadFile if it could not be read back."""
    fleet = fleet_of(plan, asked)
    text = _remarks(plan) + _yaml(_plain(fleet))
    assert loads(text, FleetFile, "the planned fleet") == fleet
    return text


def helm_yaml(plan: Plan, asked: Asked) -> str:
    """Values for the chart, a block for each thing it installs: router, pool, Redis, and the pools of replicas.

    Keys below `pools` and `router.slo` are the fleet file's own, so that the same models check both.
    """
    fleet = _plain(fleet_of(plan, asked))
    values = {
        "router": {"policy": plan.policy, "settings": dict(plan.settings), "slo": fleet["slo"]},
        "pool": {"replicas": CONTROLLERS},
        "redis": {"enabled": True},
        "pools": fleet["pools"],
    }
    return _remarks(plan) + _yaml(values)


def _remarks(plan: Plan) -> str:
    """What the fleet was planned for, and whether the search was stopped, as comments."""
    settings = "".join(f" --set {key}={value:g}" for key, value in plan.settings)
    told = f"{plan.rate_rps:.1f} requests a second under {plan.policy}{settings}"
    marked = f"# {plan.marked}\n" if plan.partial else ""
    return f"{marked}# Planned for {told}: ${plan.usd_per_month:,.0f} a month.\n"


def _pool(part: Part, replicas: int) -> Pool:
    return part.kind.pool.model_copy(update={"replicas": replicas, "role": part.role})


def _plain(fleet: FleetFile) -> dict[str, Any]:
    return fleet.model_dump(mode="json", exclude_defaults=True, exclude_none=True) | {"slo": fleet.slo.model_dump()}


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
