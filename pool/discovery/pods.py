"""Pods as places, and which pool a pod is of. Pure."""

from collections.abc import Iterable, Sequence

from pool.cluster.objects import InferencePool, Pod
from pool.discovery.places import ROLES, Found, Place, Problem
from weir.selectors import Selector, equals

ROLE, DRAIN = "weir.dev/role", "weir.dev/drain"
"""The label that says a pod's role, and the annotation that takes it out of routing; its value says why."""

ENDED = frozenset({"Succeeded", "Failed"})


def places(pods: Iterable[Pod], ports: Sequence[int]) -> Found:
    """Each pod's places: one a port."""
    found, some = Found(), False
    for pod in pods:
        some = True
        if not pod.status.ip or pod.status.phase in ENDED:
            continue
        role = _role(pod, found.problems)
        undeclared = [port for port in ports if not _declares(pod, port)]
        if undeclared:
            words = f"{pod.metadata.name} declares ports but not {undeclared[0]}: is that where its engine listens?"
            found.problems.append(Problem(reason="PortNotDeclared", words=words))
        found.places.extend(_place(pod, port, role, many=len(ports) > 1) for port in ports)
    if not some:
        found.problems.append(Problem(reason="NoPods", words="no pod has these labels"))
    return found


def barred(pod: Pod) -> str:
    """Why a pod may not be sent work; empty when it may."""
    if pod.metadata.deletion_timestamp:
        return "its pod is terminating"
    drain = (pod.metadata.annotations or {}).get(DRAIN)
    if drain is not None:
        return f"it is drained: {drain}" if drain else "it is drained"
    if not is_ready(pod):
        return "its pod is not ready"
    return ""


def is_ready(pod: Pod) -> bool:
    """Whether its node says that it is ready."""
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())


def inference_selector(pool: InferencePool) -> Selector:
    """Which pods an InferencePool selects."""
    return equals(pool.spec.selector.match_labels or {})


def inference_ports(pool: InferencePool) -> list[int]:
    """Where an InferencePool's engines listen."""
    return [port.number for port in pool.spec.target_ports or () if port.number]


def too_wide(selector: Selector, own: Pod | None) -> Problem | None:
    """Whether a selector matches the world: it asks for nothing, or the pool service is one of its engines."""
    if not selector.terms:
        return Problem(reason="SelectorMatchesAll", words="the selector is empty and would make every pod an engine")
    if own is not None and selector.matches(own.metadata.labels or {}):
        words = "the selector matches the pool service's own pod, so it matches more than engines"
        return Problem(reason="SelectorMatchesAll", words=words)
    return None


def _place(pod: Pod, port: int, role: str, *, many: bool) -> Place:
    meta = pod.metadata
    name = f"{meta.name}-{port}" if many else meta.name
    return Place(
        name=name, host=pod.status.ip, port=port, uid=meta.uid, born=meta.creation_timestamp or "", role=role,
        barred=barred(pod),
    )  # fmt: skip


def _role(pod: Pod, problems: list[Problem]) -> str:
    role = (pod.metadata.labels or {}).get(ROLE, "")
    if not role or role in ROLES:
        return role
    words = f"{pod.metadata.name} has the label {ROLE}={role}, which is no role: the pool's own is taken"
    problems.append(Problem(reason="BadRole", words=words))
    return ""


def _declares(pod: Pod, port: int) -> bool:
    """Whether it declares a port, or none at all: many do not."""
    declared = [each.container_port for one in pod.spec.containers or () for each in one.ports or ()]
    return not declared or port in declared
