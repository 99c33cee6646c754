"""The peers' configuration files: four replicas by turns, kept connections, no logs, nothing else."""

import json
from pathlib import Path

from bench.gateway.places import MODEL, REPLICA_PORTS, RUN

TYPES = "type.googleapis.com/envoy.extensions.filters"


def envoy(port: int) -> Path:
    """Round robin over a static cluster with HTTP/1.1 on both sides, limits out of the way."""
    limits = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    endpoints = [{"endpoint": {"address": address(replica)}} for replica in REPLICA_PORTS]
    cluster = {
        "name": "replicas",
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "replicas", "endpoints": [{"lb_endpoints": endpoints}]},
    }
    listener = {"name": "http", "address": address(port), "filter_chains": [{"filters": [connection_manager()]}]}
    path = RUN / "envoy.json"
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, indent=1))
    return path


def address(port: int) -> dict[str, dict[str, str | int]]:
    """One loopback address as Envoy writes it."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def connection_manager() -> dict[str, object]:
    """Envoy's HTTP filter: every path to the replicas, no timeout on a long stream."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "replicas", "timeout": "0s"}}
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"}}
    config = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": config}


def nginx(port: int) -> Path:
    """One worker, kept upstream connections, replies passed on unbuffered (needed for streams)."""
    servers = " ".join(f"server 127.0.0.1:{replica};" for replica in REPLICA_PORTS)
    folders = " ".join(f"{kind}_temp_path {RUN}/nginx-{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    path = RUN / "nginx.conf"
    path.write_text(f"""\
daemon off;
worker_processes 1;
pid {RUN}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_buffer_size 64k;
  client_body_temp_path {RUN}/nginx-body;
  {folders}
  upstream replicas {{ {servers} keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
""")
    return path


def litellm() -> Path:
    """Four deployments of one model, simple shuffle, no database and no telemetry (JSON is YAML too)."""
    deployments = [
        {
            "model_name": MODEL,
            "litellm_params": {
                "model": f"openai/{MODEL}",
                "api_base": f"http://127.0.0.1:{port}/v1",
                "api_key": "none",
            },
        }
        for port in REPLICA_PORTS
    ]
    config = {
        "model_list": deployments,
        "router_settings": {"routing_strategy": "simple-shuffle"},
        "litellm_settings": {"set_verbose": False, "telemetry": False},
        "general_settings": {},
    }
    path = RUN / "litellm.yaml"
    path.write_text(json.dumps(config, indent=1))
    return path
