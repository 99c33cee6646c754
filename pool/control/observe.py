"""The fleet as `reconcile` sees it: pods and workloads of the API, and what their engines last said. No I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pool.cluster.objects import Pod, Workload
from pool.control.perform import SINCE
from pool.discovery.pods import DRAIN, ENDED, ROLE, is_ready
from pool.reconcile import Pool, Replica
from pool.reconcile import Workload as Sized
from pool.roster import Entry, Roster
from weir.fleetfile import Pool as Described

ORDINAL = re.compile(r"-(\d+)$")
NUMBERED = frozenset({"StatefulSet", "LeaderWorkerSet"})
BECOMING = "role:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workload that a pool's replicas come from."""

    kind: str
    name: str


def pool(described: Described, pods: Iterable[Pod], roster: Roster, target: Target | None,
         workload: Workload | None, drained: Mapping[str, float]) -> Pool:  # fmt: skip
    """One pool as it is; `drained` says for how many seconds pods have been, by uid."""
    numbered = target is not None and target.kind in NUMBERED
    alive = [pod for pod in pods if not pod.metadata.deletion_timestamp and pod.status.phase not in ENDED]
    sized = None
    if target is not None and workload is not None:
        asked = 1 if workload.spec.replicas is None else workload.spec.replicas
        sized = Sized(kind=target.kind, name=target.name, replicas=asked, version=workload.metadata.resource_version)
    ports = {_port(entry) for entry in roster if entry.described.pool == described.name}
    seen = {pod.metadata.name: _entries(pod.metadata.name, roster, ports) for pod in alive}
    replicas = [_replica(described, pod, seen[pod.metadata.name], drained, numbered) for pod in alive]
    return Pool(replicas=tuple(replicas), workload=sized)


def drains(pod: Pod) -> bool:
    """Whether a pool service of ours has taken a pod out of routing."""
    notes = pod.metadata.annotations or {}
    return DRAIN in notes and SINCE in notes


def _replica(
    described: Described, pod: Pod, entries: list[Entry], drained: Mapping[str, float], numbered: bool
) -> Replica:
    meta = pod.metadata
    drain = (meta.annotations or {})[DRAIN] if drains(pod) else ""
    ordinal = ORDINAL.search(meta.name) if numbered else None
    return Replica(
        name=meta.name,
        ready=is_ready(pod) and (not entries or any(entry.readiness.ready for entry in entries)),
        born=meta.creation_timestamp or "",
        in_flight=float(sum(entry.reading.running + entry.reading.waiting for entry in entries)),
        drained_s=drained.get(meta.uid, 0.0) if drains(pod) else None,
        becoming=drain.removeprefix(BECOMING) if drain.startswith(BECOMING) else "",
        role=(meta.labels or {}).get(ROLE) or described.role,
        ordinal=int(ordinal[1]) if ordinal else None,
    )


def _entries(pod: str, roster: Roster, ports: Iterable[str]) -> list[Entry]:
    """A pod's replicas: itself, or one a port where it has several."""
    found = (roster.get(name) for name in (pod, *(f"{pod}-{port}" for port in ports)))
    return [entry for entry in found if entry is not None]


def _port(entry: Entry) -> str:
    return entry.described.address.rpartition(":")[2]
