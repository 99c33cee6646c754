"""The fleet as `reconcile` sees it: pods and workloads of the API, and what their engines last said. No I/O."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pool.cluster.objects import Pod, Workload
from pool.control.perform import SINCE
from pool.discovery.pods import DRAIN, ENDED, ROLE, is_ready
from pool.reconcile import Pool, Replica
from pool.reconcile import Workload as Sized
from pool.roster import Roster
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
         workload: Workload | None, now: datetime) -> Pool:  # fmt: skip
    """One pool as it is."""
    numbered = target is not None and target.kind in NUMBERED
    alive = [pod for pod in pods if not pod.metadata.deletion_timestamp and pod.status.phase not in ENDED]
    sized = None
    if target is not None and workload is not None:
        asked = 1 if workload.spec.replicas is None else workload.spec.replicas
        sized = Sized(kind=target.kind, name=target.name, replicas=asked, version=workload.metadata.resource_version)
    return Pool(replicas=tuple(_replica(described, pod, roster, now, numbered) for pod in alive), workload=sized)


def _replica(described: Described, pod: Pod, roster: Roster, now: datetime, numbered: bool) -> Replica:
    meta, notes = pod.metadata, pod.metadata.annotations or {}
    entry, drain = roster.get(meta.name), notes.get(DRAIN)
    ordinal = ORDINAL.search(meta.name) if numbered else None
    ours = drain is not None and SINCE in notes
    return Replica(
        name=meta.name,
        ready=is_ready(pod) and (entry is None or entry.readiness.ready),
        born=meta.creation_timestamp or "",
        in_flight=float(entry.reading.running + entry.reading.waiting) if entry is not None else 0.0,
        drained_s=_seconds(notes, now) if ours else None,
        becoming=drain.removeprefix(BECOMING) if drain is not None and ours and drain.startswith(BECOMING) else "",
        role=(meta.labels or {}).get(ROLE) or described.role,
        ordinal=int(ordinal[1]) if ordinal else None,
    )


def _seconds(notes: Mapping[str, str], now: datetime) -> float:
    """How long ago it was drained; a date that makes no sense, or a clock ahead of ours, is now."""
    try:
        since = datetime.fromisoformat(notes[SINCE])
    except ValueError:
        return 0.0
    return max((now - since.astimezone(UTC)).total_seconds(), 0.0)
