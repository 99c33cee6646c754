"""Does to the cluster what `reconcile` says, each thing to the version that was looked at; blocks."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pool.cluster.api import APPLY, Api
from pool.cluster.objects import Pod
from pool.cluster.resources import WORKLOADS, workloads
from pool.control.events import About, Events
from pool.discovery.pods import DRAIN, ROLE
from pool.reconcile import Action, Drain, Resume, Scale

SINCE = "weir.dev/drain-since"
COST = "controller.kubernetes.io/pod-deletion-cost"  # who goes first when a Deployment shrinks
FIRST_TO_GO = "-1000"


@dataclass(slots=True, kw_only=True)
class Performer:
    """Acts through one API."""

    api: Api
    events: Events

    def perform(self, action: Action, pod: Pod | None) -> None:
        """Do it and say so; raises `Trouble`, `Conflict` when somebody else was first."""
        if isinstance(action, Scale):
            self._scale(action)
        elif pod is not None and isinstance(action, Drain):
            since = datetime.now(UTC).isoformat(timespec="seconds")
            self._annotate(pod, {DRAIN: action.why, SINCE: since, COST: FIRST_TO_GO}, {})
            self._say(pod, "Draining", f"no new requests: {action.why}")
        elif pod is not None and isinstance(action, Resume):
            self._annotate(pod, {}, {ROLE: action.role} if action.role else {})
            self._say(pod, "RoleSwitched" if action.role else "Resumed", action.why)

    def _scale(self, action: Scale) -> None:
        found, before = action.workload, action.workload.replicas
        path = f"{workloads(found.kind, self.api.namespace).path}/{found.name}/scale"
        body = {"metadata": {"resourceVersion": found.version}, "spec": {"replicas": action.replicas}}
        self.api.patch(path, body)
        about = About(api=WORKLOADS[found.kind][0], kind=found.kind, name=found.name)
        words = f"pool {action.pool}: from {before} to {action.replicas} replicas: {action.why}"
        self.events.say(about, "ScaledUp" if action.replicas > before else "ScaledDown", words)

    def _annotate(self, pod: Pod, annotations: dict[str, str], labels: dict[str, str]) -> None:
        """All that is ours of a pod: what is left out of an apply is taken away again. Only that very pod: its uid."""
        meta: dict[str, Any] = {"name": pod.metadata.name, "uid": pod.metadata.uid}
        own = (pod.metadata.annotations or {}).get(OWN_ROLE)
        if labels:
            own = labels[ROLE]
        if own:
            annotations, labels = annotations | {OWN_ROLE: own}, {ROLE: own}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta | {"annotations": annotations, "labels": labels}}
        self.api.patch(f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}", body, APPLY)

    def _say(self, pod: Pod, reason: str, words: str) -> None:
        meta = pod.metadata
        self.events.say(About(api="v1", kind="Pod", name=meta.name, uid=meta.uid), reason, words)


OWN_ROLE = "weir.dev/role-given"  # a role label that is ours, so that the next apply keeps it
