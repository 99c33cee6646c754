"""The kinds of Kubernetes objects that are listed and watched, and where they are."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pool.cluster import objects
from weir import extension
from weir.resources import GROUP, SCALED, VERSION

PLURALS = {"Fleet": "fleets", "Pool": "pools", "RoutePolicy": "routepolicies"}
WORKLOADS = {kind: (api, f"{kind.lower()}s") for kind, api in SCALED.items()}
"""What may be scaled: API version and plural by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Objects of one kind in one namespace."""

    api: str  # v1, discovery.k8s.io/v1 ...
    plural: str
    namespace: str
    kind: type[Any]  # what an object is read as
    older: str = ""  # the API version to try where the first is not served
    expected: bool = True  # False: a cluster need not know the kind
    query: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Where they are listed."""
        return f"{root(self.api)}/namespaces/{quote(self.namespace)}/{self.plural}"


def root(api: str) -> str:
    """Where an API version is."""
    return f"/apis/{api}" if "/" in api else f"/api/{api}"


def pods(namespace: str) -> Resource:
    """Pods."""
    return Resource(api="v1", plural="pods", namespace=namespace, kind=objects.Pod)


def slices(namespace: str) -> Resource:
    """EndpointSlices."""
    return Resource(
        api="discovery.k8s.io/v1", older="discovery.k8s.io/v1beta1", plural="endpointslices", namespace=namespace,
        kind=objects.EndpointSlice,
    )  # fmt: skip


def inference_pools(namespace: str) -> Resource:
    """InferencePools."""
    return Resource(
        api="inference.networking.k8s.io/v1", plural="inferencepools", namespace=namespace, kind=objects.InferencePool
    )


def custom(kind: str, namespace: str) -> Resource:
    """Weir's own: Fleet, Pool, RoutePolicy."""
    return Resource(api=f"{GROUP}/{VERSION}", plural=PLURALS[kind], namespace=namespace, kind=objects.Custom)


def extended(kind: str, namespace: str) -> Resource:
    """The inference extension's InferenceModelRewrite and InferenceObjective, where a cluster has them."""
    return Resource(
        api=f"{extension.GROUP}/{extension.VERSION}", older=f"{extension.OLDER_GROUP}/{extension.VERSION}",
        plural=f"{kind.lower()}s", namespace=namespace, kind=objects.Custom, expected=False,
    )  # fmt: skip


def workloads(kind: str, namespace: str) -> Resource:
    """Deployments, StatefulSets or LeaderWorkerSets."""
    api, plural = WORKLOADS[kind]
    return Resource(api=api, plural=plural, namespace=namespace, kind=objects.Workload)
