"""The files that deploy a plan: Weir's fleet file, read back before anybody relies on it, and Helm values."""

from pathlib import Path
from typing import Any

import yaml

from sims.plan.asked import Asked
from sims.plan.outcome import Part, Plan
from weir.fleetfile import FleetFile, Pool, Slo
from weir.strictyaml import loads


def fleet_of(plan: Plan, asked: Asked) -> FleetFile:
    """The fleet, spares among it."""
    ttft_s, tpot_s = asked.slo
    pools = [_pool(part, n) for part, n in zip(plan.chosen.parts, plan.replicas, strict=True) if n]
    return FleetFile(pools=pools, slo=Slo(ttft_s=ttft_s, tpot_s=tpot_s))


def fleet_yaml(plan: Plan, asked: Asked) -> str:
    """The fleet file's text; raises BadFile if it could not be read back."""
    fleet = fleet_of(plan, asked)
    rate = f"{plan.rate_rps:.1f} requests a second"
    told = f"# Planned for {rate} under {plan.policy}: ${plan.usd_per_month:,.0f} a month.\n"
    text = told + _yaml(_plain(fleet))
    assert loads(text, FleetFile, "the planned fleet") == fleet
    return text


def helm_yaml(plan: Plan, asked: Asked) -> str:
    """Values for the chart: the fleet file's pools and SLO, and the router's policy."""
    return _yaml({**_plain(fleet_of(plan, asked)), "router": {"policy": plan.policy, "settings": dict(asked.settings)}})


def write(path: Path, text: str) -> None:
    """All of it or nothing."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _pool(part: Part, replicas: int) -> Pool:
    name = part.kind.name if part.role == "mixed" else f"{part.kind.name}-{part.role}"
    if part.most_prompt is not None:
        name = f"{name}-short"
    return part.kind.pool.model_copy(update={"name": name, "replicas": replicas, "role": part.role})


def _plain(fleet: FleetFile) -> dict[str, Any]:
    return fleet.model_dump(mode="json", exclude_defaults=True, exclude_none=True) | {"slo": fleet.slo.model_dump()}


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
