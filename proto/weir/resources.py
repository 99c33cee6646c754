"""Weir's Kubernetes resources: Fleet, Pool and RoutePolicy, validated by the models of the fleet file.

A file and resources say the same: a Fleet's pools are the Pool resources of its namespace that name it, its route is
the RoutePolicy that it names; rewrites and objectives are the inference extension's own kinds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from policies.policy import routing as routing_policy
from weir import extension, fleetfile
from weir.fleetfile import FleetFile, Route, Slo, Strict

GROUP, VERSION = "weir.dev", "v1alpha1"
SCALED = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1"}
"""What may be scaled: API version by kind."""


class Target(Strict):
    """The workload whose replicas are the pool's: it is scaled where scaling acts."""

    apiVersion: str = ""  # as its kind has it
    kind: Literal["Deployment", "StatefulSet", "LeaderWorkerSet"] = "Deployment"
    name: str = Field(min_length=1)

    @model_validator(mode="after")
    def _is_one_that_is_scaled(self) -> "Target":
        if self.apiVersion not in ("", SCALED[self.kind]):
            raise ValueError(f"target: a {self.kind} is scaled as {SCALED[self.kind]}, not as {self.apiVersion}")
        return self


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
    policy: str = ""  # a RoutePolicy of the namespace; its only one, or the router's own options, when left out


class PoolSpec(fleetfile.Pool):
    """A pool of the fleet file, and what only Kubernetes has."""

    name: str = ""  # the resource's own
    replicas: NonNegativeInt | None = None  # wanted; 0 is a pool scaled to zero
    fleet: str = ""  # the Fleet it belongs to; any when left out
    target: Target | None = None
    bounds: Bounds = Bounds()


class RoutePolicySpec(Strict):
    """A routing policy and its settings, and what requests are promised under it."""

    policy: str = "shortest_ttft"
    settings: dict[str, float] = {}
    slo: Slo | None = None  # goes before the Fleet's


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
    """A fleet file as resources, the Fleet first; how models are selected is a router's own and not among them."""
    place = {"namespace": namespace} if namespace else {}
    spec: dict[str, Any] = {"slo": fleet.slo.model_dump(mode="json", exclude_unset=True, exclude_none=True)}
    found = [_resource("Fleet", {"name": name, **place}, spec)]
    if fleet.route is not None:
        spec["policy"] = name
        found.append(_resource("RoutePolicy", {"name": name, **place}, fleet.route.model_dump(mode="json")))
    for pool in fleet.pools:
        told = pool.model_dump(mode="json", exclude_defaults=True, exclude_none=True, exclude={"name"})
        found.append(_resource("Pool", {"name": pool.name, **place}, {"fleet": name, **told}))
    named = next((pool.discover.inference_pool for pool in fleet.pools if pool.discover), "") or name
    return found + extension.exported(fleet.rewrites, fleet.objectives, name, named, place)


def imported(found: Sequence[Mapping[str, Any]]) -> FleetFile:
    """Resources, or a List of them, as a fleet file; raises `ValidationError`, or `ValueError` for what is no pool."""
    each = [one for top in found for one in (top.get("items", []) if top.get("kind") == "List" else [top])]
    taken = {**KINDS, **extension.KINDS}
    unknown = sorted({str(one.get("kind")) for one in each} - taken.keys())
    if unknown:
        raise ValueError(f"{unknown[0]} is none of Weir's resources: {', '.join(taken)}")
    made: dict[str, Any] = {"pools": [_as_pool(one) for one in each if one["kind"] == "Pool"]}
    fleets = [FleetSpec.model_validate(one["spec"]) for one in each if one["kind"] == "Fleet"]
    policies = {str(one["metadata"]["name"]): routing(one["spec"]) for one in each if one["kind"] == "RoutePolicy"}
    fleet = fleets[0] if fleets else FleetSpec()
    slo = fleet.slo.model_dump(exclude_unset=True)
    policy = chosen(fleet, policies)
    if policy is not None:
        made["route"] = Route(policy=policy.policy, settings=policy.settings).model_dump()
        slo |= policy.slo.model_dump(exclude_unset=True) if policy.slo else {}
    return FleetFile.model_validate({**made, **_extended(each)} | ({"slo": slo} if slo else {}))


def chosen(fleet: FleetSpec | None, policies: Mapping[str, RoutePolicySpec]) -> RoutePolicySpec | None:
    """The policy of a fleet: the one that it names, or the only one there is."""
    if fleet is not None and fleet.policy:
        return policies.get(fleet.policy)
    return next(iter(policies.values())) if len(policies) == 1 else None


def _as_pool(one: Mapping[str, Any]) -> dict[str, Any]:
    return pool_of(str(one["metadata"]["name"]), dict(one["spec"])).model_dump(mode="json", exclude_unset=True)


def _extended(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The inference extension's resources as the fleet file has them."""
    rewritten = [
        extension.RewriteSpec.model_validate(one["spec"]) for one in each if one["kind"] == "InferenceModelRewrite"
    ]
    objectives = [
        extension.objective(
            str(one["metadata"]["name"]), extension.ObjectiveSpec.model_validate(one["spec"])
        ).model_dump()
        for one in each
        if one["kind"] == "InferenceObjective"
    ]
    told = [each.model_dump() for each in extension.rewrites(rewritten)]
    return ({"rewrites": told} if told else {}) | ({"objectives": objectives} if objectives else {})


def _resource(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": spec}


KINDS: dict[str, type[Strict]] = {"Fleet": FleetSpec, "Pool": PoolSpec, "RoutePolicy": RoutePolicySpec}
