"""The inference extension's InferenceModelRewrite and InferenceObjective, and what they are in a fleet file.

They are somebody else's kinds: what Weir does not read of them is left alone rather than refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from weir.fleetfile import Objective, Rewrite, Target

GROUP, OLDER_GROUP, VERSION = "inference.networking.x-k8s.io", "llm-d.ai", "v1alpha2"
"""Where they are served: by the extension itself, and by the project that has them now."""

POOL_GROUP = "inference.networking.k8s.io"
EVERY = "*"  # in a fleet file: every model without a rewrite of its own; here a rule that matches nothing in particular


class Others(BaseModel):
    """A part of somebody else's resource."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PoolRef(Others):
    """The InferencePool that it is about."""

    name: str = Field(min_length=1)


class Referring(Others):
    """What both kinds have."""

    poolRef: PoolRef | None = None
    poolRefs: list[PoolRef] = []

    @property
    def pools(self) -> frozenset[str]:
        """The InferencePools that it is about; none: any."""
        return frozenset(each.name for each in [*self.poolRefs, *([self.poolRef] if self.poolRef else [])])


class Model(Others):
    """A model as clients ask for it."""

    type: Literal["Exact"] = "Exact"
    value: str = Field(min_length=1)


class Match(Others):
    """What a rule matches."""

    model: Model


class TargetModel(Others):
    """Where its requests go."""

    modelRewrite: str = Field(min_length=1)
    weight: PositiveInt | None = None


class Rule(Others):
    """One rule; without matches it is for every model that no other names."""

    matches: list[Match] = []
    targets: list[TargetModel] = Field(min_length=1)

    def rewrites(self) -> list[Rewrite]:
        """The same as a fleet file says it."""
        targets = [Target(model=each.modelRewrite, weight=each.weight or 1) for each in self.targets]
        return [Rewrite(model=name, targets=targets) for name in [m.model.value for m in self.matches] or [EVERY]]


class RewriteSpec(Referring):
    """The spec of an InferenceModelRewrite."""

    rules: list[Rule] = Field(min_length=1)


class ObjectiveSpec(Referring):
    """The spec of an InferenceObjective."""

    priority: int | None = Field(default=None, ge=-(1 << 31), lt=1 << 31)


KINDS: dict[str, type[Referring]] = {"InferenceModelRewrite": RewriteSpec, "InferenceObjective": ObjectiveSpec}


def rewrites(specs: Iterable[RewriteSpec]) -> list[Rewrite]:
    """The rewrites of several resources, the oldest first: of two for one model the first counts."""
    found: dict[str, Rewrite] = {}
    for spec in specs:
        for rule in spec.rules:
            for each in rule.rewrites():
                found.setdefault(each.model, each)
    return list(found.values())


def objective(name: str, spec: ObjectiveSpec) -> Objective:
    """An InferenceObjective as a fleet file says it."""
    return Objective(name=name, priority=spec.priority or 0)


def exported(
    told: Sequence[Rewrite], objectives: Sequence[Objective], name: str, pool: str, place: Mapping[str, str]
) -> list[dict[str, Any]]:
    """A fleet file's rewrites as one resource, and its objectives as one each, all about an InferencePool."""
    about = {"poolRef": {"group": POOL_GROUP, "name": pool}}
    found = [
        _resource("InferenceObjective", {"name": each.name, **place}, {**about, "priority": each.priority})
        for each in objectives
    ]
    if told:
        rules = [_rule(each) for each in told]
        found.insert(0, _resource("InferenceModelRewrite", {"name": name, **place}, {**about, "rules": rules}))
    return found


def _rule(told: Rewrite) -> dict[str, Any]:
    matches = [] if told.model == EVERY else [{"model": {"type": "Exact", "value": told.model}}]
    targets = [{"modelRewrite": each.model, "weight": each.weight} for each in told.targets]
    return {"matches": matches, "targets": targets}


def _resource(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": spec}
