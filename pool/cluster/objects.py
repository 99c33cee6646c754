"""What Weir reads of Kubernetes' objects, and nothing else of them: a pod's ten kilobytes become a few fields."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

T = TypeVar("T")


class Meta(Struct, rename="camel", frozen=True):
    """An object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Port(Struct, rename="camel", frozen=True):
    """A container's, slice's or pool's port, under the names that each of them has for it."""

    name: str | None = None
    container_port: int = 0
    port: int | None = None
    number: int = 0


class Container(Struct, frozen=True):
    """A container of a pod."""

    name: str = ""
    ports: list[Port] | None = None


class PodSpec(Struct, frozen=True):
    """What is to run."""

    containers: list[Container] | None = None


class PodCondition(Struct, frozen=True):
    """One condition of a pod."""

    type: str = ""
    status: str = ""
    reason: str | None = None


class PodStatus(Struct, frozen=True):
    """What runs."""

    phase: str = ""
    ip: str = field(name="podIP", default="")
    conditions: list[PodCondition] | None = None


class Pod(Struct, frozen=True):
    """A pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class EndpointConditions(Struct, frozen=True):
    """None: nobody knows, which counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Target(Struct, frozen=True):
    """The pod behind an endpoint."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Endpoint(Struct, rename="camel", frozen=True):
    """An endpoint of a slice; its addresses are all of one thing."""

    addresses: list[str]
    conditions: EndpointConditions = EndpointConditions()
    target_ref: Target | None = None


class EndpointSlice(Struct, frozen=True):
    """A slice of a Service's endpoints."""

    metadata: Meta
    endpoints: list[Endpoint] | None = None
    ports: list[Port] | None = None


class Labels(Struct, rename="camel", frozen=True):
    """The selector of an InferencePool."""

    match_labels: dict[str, str] | None = None


class InferencePoolSpec(Struct, rename="camel", frozen=True):
    """What an InferencePool selects, and where its engines listen."""

    selector: Labels = Labels()
    target_ports: list[Port] | None = None


class InferencePool(Struct, frozen=True):
    """An InferencePool of the Gateway API Inference Extension, v1."""

    metadata: Meta
    spec: InferencePoolSpec = InferencePoolSpec()


class Custom(Struct, frozen=True):
    """A resource of Weir's own, not validated yet."""

    metadata: Meta
    spec: Any = None
    status: Any = None


class WorkloadSpec(Struct, frozen=True):
    """How many replicas were asked for."""

    replicas: int | None = None


class WorkloadStatus(Struct, rename="camel", frozen=True):
    """How many there are."""

    replicas: int = 0
    ready_replicas: int = 0


class Workload(Struct, frozen=True):
    """A Deployment, StatefulSet or LeaderWorkerSet."""

    metadata: Meta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Page(Struct, frozen=True):
    """A page of a list, its items yet to be read: one that makes no sense does not spoil the others."""

    metadata: dict[str, Any]
    items: list[msgspec.Raw] | None = None


class Change(Struct, frozen=True):
    """A line of a watch."""

    type: str
    object: msgspec.Raw


class Refusal(Struct, frozen=True):
    """A Status object: why something was not done."""

    code: int = 0
    reason: str = ""
    message: str = ""


PAGES = msgspec.json.Decoder(Page)
CHANGES = msgspec.json.Decoder(Change)
REFUSALS = msgspec.json.Decoder(Refusal)


def key(meta: Meta) -> str:
    """An object's identity within its kind."""
    return f"{meta.namespace}/{meta.name}"
