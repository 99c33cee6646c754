"""The EndpointSlices of a Service as places. Pure."""

from collections.abc import Iterable

from pool.cluster.objects import Endpoint, EndpointSlice
from pool.discovery.places import Found, Place, Problem

SERVICE = "kubernetes.io/service-name"


def service_of(piece: EndpointSlice) -> str:
    """The Service whose slice it is."""
    return (piece.metadata.labels or {}).get(SERVICE, "")


def places(slices: Iterable[EndpointSlice], port: int | None) -> Found:
    """Every endpoint's place, at `port` where one is asked for and else at the slice's only one."""
    found, seen, some = Found(), dict[str, Place](), False
    for piece in slices:
        some = True
        at = port or _only_port(piece, found.problems)
        if not at:
            continue
        for endpoint in piece.endpoints or ():
            for place in _places(endpoint, at, piece):
                known = seen.get(place.name)  # while endpoints move between slices both may name them
                if known is None or (known.barred and not place.barred):
                    seen[place.name] = place
    found.places = list(seen.values())
    if not some:
        found.problems.append(Problem(reason="NoEndpoints", words="the Service has no EndpointSlice"))
    return found


def _only_port(piece: EndpointSlice, problems: list[Problem]) -> int | None:
    ports = sorted({each.port for each in piece.ports or () if each.port})
    if len(ports) == 1:
        return ports[0]
    said = f"ports {', '.join(map(str, ports))}" if ports else "no port"
    words = f"EndpointSlice {piece.metadata.name} names {said}: give discover.port"
    problems.append(Problem(reason="NoPort", words=words))
    return None


def _places(endpoint: Endpoint, port: int, piece: EndpointSlice) -> list[Place]:
    target = endpoint.target_ref
    is_pod = target is not None and target.kind == "Pod"
    return [
        Place(
            name=target.name if is_pod and target is not None else f"{service_of(piece)}-{host}",
            host=host,
            port=port,
            uid=target.uid if target is not None else "",
            born=piece.metadata.creation_timestamp or "",
            barred=_barred(endpoint),
        )
        for host in endpoint.addresses[:1]
    ]


def _barred(endpoint: Endpoint) -> str:
    if endpoint.conditions.terminating:
        return "its endpoint is terminating"
    return "its endpoint is not ready" if endpoint.conditions.ready is False else ""
