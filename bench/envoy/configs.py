"""Envoy's configuration, alone and with a processor: the chart's own filter and clusters, on loopback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from bench.gateway.configs import TYPES, address
from bench.gateway.places import REPLICA_PORTS, RUN

LIMITS = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192, "max_retries": 1024}
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
ENDPOINT = "x-gateway-destination-endpoint"
DUPLEX, BUFFERED = "FULL_DUPLEX_STREAMED", "BUFFERED"
READ = (":path", ":method", "x-request-id", "x-session-id")
READ_PREFIXES = ("x-weir-", "x-gateway-", "x-llm-d-")
"""The request headers that the picker reads: the others stay in Envoy."""
Processor: TypeAlias = Callable[[int], tuple[str, ...]]
"""The arguments of `python -m` that start a processor on a port."""
HEADERS_ONLY = {"request_header_mode": "SEND", "response_header_mode": "SKIP"}


def modes(body: str, *, replies: bool = True) -> dict[str, str]:
    """What the processor is shown: headers and body of the request, and of the reply where `replies`."""
    trailers = "SEND" if body == DUPLEX else "SKIP"
    shown = {"request_header_mode": "SEND", "request_body_mode": body, "request_trailer_mode": trailers}
    if not replies:
        return {**shown, "response_header_mode": "SKIP"}
    back = DUPLEX if body == DUPLEX else "STREAMED"
    return {**shown, "response_header_mode": "SEND", "response_body_mode": back, "response_trailer_mode": trailers}


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
    """The external processing filter."""
    patterns = [*({"exact": name} for name in READ), *({"prefix": name} for name in READ_PREFIXES)]
    return {
        "@type": f"{TYPES}.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {"envoy_grpc": {"cluster_name": "weir"}},
        "message_timeout": "35s",
        "failure_mode_allow": False,
        "processing_mode": shown,
        "allow_mode_override": True,
        "forward_rules": {"allowed_headers": {"patterns": patterns}},
        "metadata_options": {
            "forwarding_namespaces": {"untyped": ["envoy.lb", "envoy.lb.subset_hint"]},
            "receiving_namespaces": {"untyped": ["envoy.lb"]},
        },
    }


def replicas(ports: tuple[int, ...], *, picked: bool) -> dict[str, object]:
    """The replicas by turns; picked, by the endpoints that the processor named, one after another."""
    endpoints = [{"endpoint": {"address": address(replica)}} for replica in ports]
    turns = policy("round_robin", "RoundRobin", {})
    override: dict[str, object] = {
        "override_host_sources": [{"metadata": {"key": "envoy.lb", "path": [{"key": ENDPOINT}]}}, {"header": ENDPOINT}],
        "selected_host_key": {"key": "envoy.lb", "path": [{"key": f"{ENDPOINT}-served"}]},
        "fallback_policy": turns,
    }
    return {
        "name": "replicas",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [LIMITS]},
        "load_balancing_policy": policy("override_host", "OverrideHost", override) if picked else turns,
        "load_assignment": {"cluster_name": "replicas", "endpoints": [{"lb_endpoints": endpoints}]},
    }


def policy(name: str, kind: str, settings: dict[str, object]) -> dict[str, object]:
    """A load balancing policy as Envoy writes it."""
    typed = {"@type": f"type.googleapis.com/envoy.extensions.load_balancing_policies.{name}.v3.{kind}", **settings}
    return {
        "policies": [
            {"typed_extension_config": {"name": f"envoy.load_balancing_policies.{name}", "typed_config": typed}}
        ]
    }


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
