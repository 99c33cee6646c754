"""Envoy's configuration, alone and with a processor: the chart's own filter and clusters, on loopback."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import yaml

from bench.gateway.configs import TYPES, address
from bench.gateway.places import REPLICA_PORTS, REPO, RUN

LIMITS = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192, "max_retries": 1024}
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
DUPLEX, BUFFERED = "FULL_DUPLEX_STREAMED", "BUFFERED"
Processor: TypeAlias = Callable[[int], tuple[str, ...]]
"""The command that starts a processor on a port."""
HEADERS_ONLY = {"request_header_mode": "SEND", "response_header_mode": "SKIP"}


def modes(body: str, *, replies: bool = True) -> dict[str, str]:
    """What the processor is shown: headers and body of the request, and of the reply where `replies`."""
    trailers = "SEND" if body == DUPLEX else "SKIP"
    shown = {"request_header_mode": "SEND", "request_body_mode": body, "request_trailer_mode": trailers}
    if not replies:
        return {**shown, "response_header_mode": "SKIP"}
    back = DUPLEX if body == DUPLEX else "STREAMED"
    return {**shown, "response_header_mode": "SEND", "response_body_mode": back, "response_trailer_mode": trailers}


AHEAD = {**modes("STREAMED", replies=False), "response_trailer_mode": "SEND"}
"""The body ahead of the answer to the headers; as a reply may end with trailers, the call stays open until it ends."""


def write(
    name: str, port: int, processor: int = 0, shown: dict[str, str] | None = None, *,
    picks: bool = True, ports: tuple[int, ...] = REPLICA_PORTS,
) -> Path:  # fmt: skip
    """Envoy on `port`, with a processor on another port that is shown what `shown` says; none where there is none."""
    filters: list[dict[str, object]] = [
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
    ]
    clusters = [replicas(ports, picked=processor > 0 and picks)]
    if processor:
        filters.insert(0, {"name": "envoy.filters.http.ext_proc", "typed_config": ext_proc(shown or {})})
        clusters.append(brain(processor))
    listener = {"name": "http", "address": address(port), "filter_chains": [{"filters": [manager(filters)]}]}
    path = RUN / f"{name}.json"
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}}, indent=1))
    return path


def manager(filters: list[dict[str, object]]) -> dict[str, object]:
    """The HTTP filter: every path to the replicas, no timeout on a long stream, two retries as in the chart."""
    retry = {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 2}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s", "retry_policy": retry}}
    config = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": filters,
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def ext_proc(shown: dict[str, str]) -> dict[str, object]:
    """The chart's external processing filter, shown what `shown` says."""
    found = {**chart()["ext_proc"], "processing_mode": shown}
    if shown is not AHEAD:
        return found
    told = {"envoy_grpc": {"cluster_name": "weir"}, "initial_metadata": [{"key": "x-weir-calls", "value": "stay"}]}
    ahead = {"allow_mode_override": False, "send_body_without_waiting_for_header_response": True}
    return {**found, **ahead, "grpc_service": told}


@cache
def chart() -> dict[str, dict[str, object]]:
    """What the chart gives an Envoy."""
    found: dict[str, dict[str, object]] = yaml.safe_load((REPO / "helm" / "files" / "envoy.yaml").read_text())
    return found


def replicas(ports: tuple[int, ...], *, picked: bool) -> dict[str, object]:
    """The replicas by turns; picked, by the endpoints that the processor named, one after another."""
    endpoints = [{"endpoint": {"address": address(replica)}} for replica in ports]
    found: dict[str, object] = {
        "name": "replicas",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [LIMITS]},
        "load_assignment": {"cluster_name": "replicas", "endpoints": [{"lb_endpoints": endpoints}]},
    }
    return {**found, "load_balancing_policy": chart()["load_balancing_policy"]} if picked else found


def brain(port: int) -> dict[str, object]:
    """The processor's cluster, over HTTP/2."""
    options = {"@type": f"type.googleapis.com/{HTTP}", "explicit_http_config": {"http2_protocol_options": {}}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]
    return {
        "name": "weir",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [LIMITS]},
        "typed_extension_protocol_options": {HTTP: options},
        "load_assignment": {"cluster_name": "weir", "endpoints": endpoints},
    }
