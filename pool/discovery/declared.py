"""Resources as configuration, Weir's own and the inference extension's: what of them is good, and what each is told."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from pydantic import ValidationError

from policies.perf.capacity import DoesNotFit
from policies.perf.profiles import UnknownProfile
from policies.registry import UnknownName
from pool.cluster import resources
from pool.cluster.objects import Custom, Meta
from pool.discovery.damper import Damper
from pool.discovery.following import Following, Place
from pool.discovery.kubernetes import Cluster, Watched
from pool.discovery.places import Problem
from pool.discovery.static import check
from weir import extension, fleetfile
from weir.directions import Told
from weir.extension import ObjectiveSpec, RewriteSpec
from weir.resources import KINDS, FleetSpec, PoolSpec, RoutePolicySpec, pool_of, routing

RETRY_S = 1.0
S = TypeVar("S", bound=extension.Referring)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a resource is told of itself: its condition `Valid`."""

    kind: str
    meta: Meta
    valid: bool
    reason: str = "Valid"
    words: str = ""
    status: Any = None  # as the API last had it
    serving: Any = None  # the spec that serves: this one, or the last that made sense


@dataclass(slots=True, kw_only=True)
class Good:
    """The last specs that made sense."""

    pools: dict[str, fleetfile.Pool] = field(default_factory=dict)
    wanted: dict[str, PoolSpec] = field(default_factory=dict)
    fleets: dict[str, FleetSpec] = field(default_factory=dict)
    policies: dict[str, RoutePolicySpec] = field(default_factory=dict)
    rewrites: dict[str, RewriteSpec] = field(default_factory=dict)
    objectives: dict[str, ObjectiveSpec] = field(default_factory=dict)
    specs: dict[Place, Any] = field(default_factory=dict)  # all of them as they were written

    def of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """Where resources of a kind are kept."""
        return {
            "Pool": (self.pools, self.wanted), "Fleet": (self.fleets,), "RoutePolicy": (self.policies,),
            "InferenceModelRewrite": (self.rewrites,), "InferenceObjective": (self.objectives,),
        }[kind]  # fmt: skip


class Declared:
    """Takes resources in as they come. No I/O, no clock."""

    def __init__(self, damper: Damper | None = None) -> None:
        self.good = Good()
        self.verdicts: dict[Place, Verdict] = {}
        self.waiting: dict[Place, Custom] = {}  # changed too often: the last that came
        self._damper = damper or Damper()
        self._specs: dict[Place, Any] = {}

    def take(self, kind: str, name: str, found: Custom | None, now: float) -> None:
        """A resource is another now, or gone."""
        place = (kind, name)
        if found is None:
            self._forget(place)
            return
        if place not in self.waiting and place in self._specs and self._specs[place] == found.spec:
            self._again(place, found)
            return
        if not self._damper.allows(f"{kind}/{name}", now):
            self.waiting[place] = found
            words = "it changes so often that only some of its changes are taken in; the last will be"
            self._say(place, found, valid=True, reason="Flapping", words=words)
            return
        self.waiting.pop(place, None)
        self._specs[place] = found.spec
        self._judge(place, found)

    def retry(self, now: float) -> bool:
        """Take in what had to wait; True when anything was."""
        before = len(self.waiting)
        for (kind, name), found in list(self.waiting.items()):
            self.take(kind, name, found, now)
        return len(self.waiting) < before

    def born(self) -> dict[Place, str]:
        """When each was made, in RFC 3339."""
        return {place: verdict.meta.creation_timestamp or "" for place, verdict in self.verdicts.items()}

    def _judge(self, place: Place, found: Custom) -> None:
        reason, words = self._kept(place, found.spec)
        if reason and place not in self.good.specs and isinstance(found.status, dict):
            self._kept(place, found.status.get("serving"))  # what served before this process began
        self._say(place, found, valid=not reason, reason=reason or "Valid", words=words)

    def _kept(self, place: Place, spec: Any) -> tuple[str, str]:
        """Keep a spec that makes sense; reason and words where it does not."""
        try:
            self._keep(*place, spec if isinstance(spec, dict) else {})
        except ValidationError as error:
            return "Invalid", _words(error)
        except (UnknownProfile, DoesNotFit, UnknownName, ValueError) as error:
            return type(error).__name__, " ".join(str(error).split())
        self.good.specs[place] = spec
        return "", ""

    def _keep(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        if kind == "Pool":
            pool = pool_of(name, dict(spec))
            check(pool)
            self.good.pools[name] = pool
            self.good.wanted[name] = PoolSpec.model_validate({**spec, "name": name})
        elif kind == "Fleet":
            self.good.fleets[name] = FleetSpec.model_validate(spec)
        elif kind == "RoutePolicy":
            self.good.policies[name] = routing(spec)
        else:
            self.good.of(kind)[0][name] = extension.KINDS[kind].model_validate(spec)

    def _again(self, place: Place, found: Custom) -> None:
        before = self.verdicts[place]
        self._say(place, found, valid=before.valid, reason=before.reason, words=before.words)

    def _say(self, place: Place, found: Custom, *, valid: bool, reason: str = "Valid", words: str = "") -> None:
        self.verdicts[place] = Verdict(
            kind=place[0], meta=found.metadata, valid=valid, reason=reason, words=words, status=found.status,
            serving=self.good.specs.get(place),
        )  # fmt: skip

    def _forget(self, place: Place) -> None:
        kind, name = place
        for known in (self.verdicts, self.waiting, self._specs, self.good.specs):
            known.pop(place, None)
        self._damper.forget(f"{kind}/{name}")
        for kept in self.good.of(kind):
            kept.pop(name, None)


class Resources:
    """The resources of a namespace, watched."""

    def __init__(self, cluster: Cluster, heard: Callable[[], None]) -> None:
        self.declared, self.following = Declared(), Following()
        self.taken: frozenset[str] = frozenset()  # pools that the file names as well: the file's go first
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._retrying = False
        namespace = cluster.api.namespace
        self._watched = {kind: cluster.watched(resources.custom(kind, namespace)) for kind in KINDS}
        self._watched |= {kind: cluster.watched(resources.extended(kind, namespace)) for kind in extension.KINDS}
        for kind, watched in self._watched.items():
            watched.listeners.append(self._listener(kind))

    @property
    def known(self) -> bool:
        """Whether all kinds have been listed."""
        return all(watched.known for watched in self._watched.values())

    @property
    def watched(self) -> Mapping[str, Watched]:
        """What is watched, by kind."""
        return self._watched

    def pools(self, taken: frozenset[str]) -> dict[str, fleetfile.Pool]:
        """The pools that make sense, by name."""
        self.taken = taken
        return {name: pool for name, pool in self.declared.good.pools.items() if name not in taken}

    def told(self, inference_pools: frozenset[str]) -> Told:
        """What routers are to do; of the extension's resources those about these InferencePools, if there are any."""
        good, born = self.declared.good, self.declared.born()
        self.following.choose(good.fleets, good.policies, born)
        rewrites = _about(good.rewrites, "InferenceModelRewrite", inference_pools, born)
        objectives = _about(good.objectives, "InferenceObjective", inference_pools, born)
        return Told(
            fleet=self.following.fleet, policy=self.following.policy,
            rewrites=tuple(extension.rewrites(spec for _, spec in rewrites)),
            objectives=tuple(extension.objective(name, spec) for name, spec in objectives),
        )  # fmt: skip

    def problems(self) -> list[Problem]:
        """What is wrong with the extension's resources: those whose status is not Weir's to write."""
        return [
            Problem(reason=verdict.reason, words=verdict.words, about=f"{kind}/{name}")
            for (kind, name), verdict in self.declared.verdicts.items()
            if kind in extension.KINDS and not verdict.valid
        ]

    def _listener(self, kind: str) -> Callable[[str, Any | None], None]:
        def told(key: str, item: Any | None) -> None:
            self.declared.take(kind, key.partition("/")[2], item, monotonic())
            self._retry_later()

        return told

    def _retry_later(self) -> None:
        if self.declared.waiting and not self._retrying:
            self._retrying = True
            self._loop.call_later(RETRY_S, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        if self.declared.retry(monotonic()):
            self._heard()
        self._retry_later()


def _about(specs: Mapping[str, S], kind: str, pools: frozenset[str], born: Mapping[Place, str]) -> list[tuple[str, S]]:
    """Resources about these InferencePools, the oldest first; where the fleet is not found by any, all of them."""
    found = [(name, spec) for name, spec in specs.items() if not pools or not spec.pools or spec.pools & pools]
    return sorted(found, key=lambda each: (born.get((kind, each[0]), ""), each[0]))


def _words(error: ValidationError) -> str:
    """What is wrong with a spec, place by place."""
    said = []
    for one in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in one["loc"])
        said.append(f"{where}: {one['msg']}" if where else one["msg"])
    return "; ".join(said).replace("Value error, ", "")
