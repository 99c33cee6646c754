"""Fleet, Pool and RoutePolicy resources as configuration: what of them is good, and what each is told."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from pydantic import ValidationError

from policies.perf.capacity import DoesNotFit
from policies.perf.profiles import UnknownProfile
from policies.registry import UnknownName
from pool.cluster import resources
from pool.cluster.objects import Custom, Meta
from pool.discovery.damper import Damper
from pool.discovery.kubernetes import Cluster, Watched
from pool.discovery.static import check
from weir import fleetfile
from weir.resources import FleetSpec, PoolSpec, RoutePolicySpec, pool_of, routing

RETRY_S = 1.0
KINDS = ("Fleet", "Pool", "RoutePolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a resource is told of itself: its condition `Valid`."""

    kind: str
    meta: Meta
    valid: bool
    reason: str = "Valid"
    words: str = ""
    status: Any = None  # as the API last had it


@dataclass(slots=True, kw_only=True)
class Good:
    """The last specs that made sense."""

    pools: dict[str, fleetfile.Pool] = field(default_factory=dict)
    wanted: dict[str, PoolSpec] = field(default_factory=dict)
    fleets: dict[str, FleetSpec] = field(default_factory=dict)
    policies: dict[str, RoutePolicySpec] = field(default_factory=dict)


class Declared:
    """Takes resources in as they come. No I/O, no clock."""

    def __init__(self, damper: Damper | None = None) -> None:
        self.good = Good()
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        self.waiting: dict[tuple[str, str], Custom] = {}  # changed too often: the last that came
        self._damper = damper or Damper()
        self._specs: dict[tuple[str, str], Any] = {}

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

    def _judge(self, place: tuple[str, str], found: Custom) -> None:
        spec = found.spec if isinstance(found.spec, dict) else {}
        try:
            self._keep(place[0], found.metadata.name, spec)
        except ValidationError as error:
            self._say(place, found, valid=False, reason="Invalid", words=_words(error))
        except (UnknownProfile, DoesNotFit, UnknownName, ValueError) as error:
            self._say(place, found, valid=False, reason=type(error).__name__, words=" ".join(str(error).split()))
        else:
            self._say(place, found, valid=True)

    def _keep(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        if kind == "Pool":
            pool = pool_of(name, dict(spec))
            check(pool)
            self.good.pools[name] = pool
            self.good.wanted[name] = PoolSpec.model_validate({**spec, "name": name})
        elif kind == "Fleet":
            self.good.fleets[name] = FleetSpec.model_validate(spec)
        else:
            self.good.policies[name] = routing(spec)

    def _again(self, place: tuple[str, str], found: Custom) -> None:
        before = self.verdicts[place]
        self._say(place, found, valid=before.valid, reason=before.reason, words=before.words)

    def _say(
        self, place: tuple[str, str], found: Custom, *, valid: bool, reason: str = "Valid", words: str = ""
    ) -> None:
        self.verdicts[place] = Verdict(
            kind=place[0], meta=found.metadata, valid=valid, reason=reason, words=words, status=found.status
        )

    def _forget(self, place: tuple[str, str]) -> None:
        kind, name = place
        for known in (self.verdicts, self.waiting, self._specs):
            known.pop(place, None)
        self._damper.forget(f"{kind}/{name}")
        if kind == "Pool":
            self.good.pools.pop(name, None)
            self.good.wanted.pop(name, None)
        elif kind == "Fleet":
            self.good.fleets.pop(name, None)
        else:
            self.good.policies.pop(name, None)


class Resources:
    """The resources of a namespace, watched."""

    def __init__(self, cluster: Cluster, heard: Callable[[], None]) -> None:
        self.declared = Declared()
        self.taken: frozenset[str] = frozenset()  # pools that the file names as well: the file's go first
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._retrying = False
        namespace = cluster.api.namespace
        self._watched = {kind: cluster.watched(resources.custom(kind, namespace)) for kind in KINDS}
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


def _words(error: ValidationError) -> str:
    """What is wrong with a spec, place by place."""
    said = []
    for one in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in one["loc"])
        said.append(f"{where}: {one['msg']}" if where else one["msg"])
    return "; ".join(said).replace("Value error, ", "")
