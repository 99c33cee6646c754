"""Weir's Kubernetes resources: Fleet, Pool and RoutePolicy, validated by the models of the fleet file.

A file and resources say the same: a Fleet's pools are the Pool resources of its namespace that name it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from policies.policy import routing as routing_policy
from weir import fleetfile
from weir.fleetfile import FleetFile, Slo, Strict

GROUP, VERSION = "weir.dev", "v1alpha1"


class Target(Strict):
    """The workload whose replicas are the pool's: it is scaled where scaling acts."""

    apiVersion: str = "apps/v1"
    kind: str = "Deployment"
    name: str = Field(min_length=1)


class Bounds(Strict):
    """How far a pool may be scaled."""

    min: NonNegativeInt = 1
    max: PositiveInt = 64

    @model_validator(mode="after")
    def _ordered(self) -> "Bounds":
        if self.min > self.max:
            raise ValueError(f"scaling bounds {self.min} to {self.max}: min must not be above max")
        return self


class FleetSpec(Strict):
    """What holds for all pools of a fleet."""

    slo: Slo = Slo()
    policy: str = ""  # a RoutePolicy of the namespace; the router's own when left out


class PoolSpec(fleetfile.Pool):
    """A pool of the fleet file, and what only Kubernetes has."""

    name: str = ""  # the resource's own
    replicas: NonNegativeInt | None = None  # wanted; 0 is a pool scaled to zero
    fleet: str = ""  # the Fleet it belongs to; any when left out
    target: Target | None = None
    bounds: Bounds = Bounds()


class RoutePolicySpec(Strict):
    """A routing policy and its settings."""

    policy: str = "shortest_ttft"
    settings: dict[str, float] = {}


ABOVE_FILE = ("fleet", "target", "bounds", "replicas")


def pool_of(name: str, spec: dict[str, Any]) -> fleetfile.Pool:
    """A Pool resource as the fleet file has it; raises pydantic's ValidationError that says what is wrong."""
    found = PoolSpec.model_validate(spec | {"name": name})
    above = {each for each in ABOVE_FILE if each != "replicas" or found.addresses or found.discover is not None}
    return fleetfile.Pool.model_validate(found.model_dump(exclude=above, exclude_unset=True) | {"name": name})


def routing(spec: Mapping[str, Any]) -> RoutePolicySpec:
    """A RoutePolicy's spec, its policy and settings known; raises `ValidationError`, `UnknownName` or `BadSetting`."""
    found = RoutePolicySpec.model_validate(spec)
    routing_policy(found.policy, found.settings)
    return found


def exported(fleet: FleetFile, name: str, namespace: str = "") -> list[dict[str, Any]]:
    """A fleet file as resources, the Fleet first."""
    place = {"namespace": namespace} if namespace else {}
    slo = fleet.slo.model_dump(mode="json", exclude_none=True)
    found = [_resource("Fleet", {"name": name, **place}, {"slo": slo})]
    for pool in fleet.pools:
        spec = pool.model_dump(mode="json", exclude_defaults=True, exclude_none=True, exclude={"name"})
        found.append(_resource("Pool", {"name": pool.name, **place}, {"fleet": name, **spec}))
    return found


def imported(found: Sequence[Mapping[str, Any]]) -> FleetFile:
    """Resources, or a List of them, as a fleet file; raises `ValidationError`, or `ValueError` for what is no pool."""
    each = [one for top in found for one in (top.get("items", []) if top.get("kind") == "List" else [top])]
    unknown = sorted({str(one.get("kind")) for one in each} - KINDS.keys())
    if unknown:
        raise ValueError(f"{unknown[0]} is none of Weir's resources: {', '.join(KINDS)}")
    slo: dict[str, Any] = next((one["spec"].get("slo", {}) for one in each if one["kind"] == "Fleet"), {})
    pools = [pool_of(str(one["metadata"]["name"]), dict(one["spec"])) for one in each if one["kind"] == "Pool"]
    made = [pool.model_dump(mode="json", exclude_unset=True) for pool in pools]
    return FleetFile.model_validate({"pools": made} | ({"slo": slo} if slo else {}))


def _resource(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": spec}


KINDS: dict[str, type[Strict]] = {"Fleet": FleetSpec, "Pool": PoolSpec, "RoutePolicy": RoutePolicySpec}
