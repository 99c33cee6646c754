"""Several engines of one tiny model, started together and gone afterwards, whatever happens."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.engines.engine import Engine, Ports
from bench.engines.install import Told, install
from bench.engines.launch import EngineDied, Launcher, last_words
from bench.engines.model import CONTEXT_TOKENS, make_adapter, make_model
from bench.ports import free_ports

MODEL = "tiny"
TWIN = "tiny-twin"  # the same model by another name, so that two engines can pass for two models
ADAPTERS = ("tiny-verse", "tiny-prose")
BLOCK_TOKENS = 32  # the CPU attention's own unit
BLOCKS = 400
MAX_NUM_SEQS = 8
READY_S = 900.0  # a quiet machine takes twenty, one with twenty other processes five minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Engines that serve the same model; the first two can hand KV over to each other."""

    model: Path
    launcher: Launcher
    members: list[Engine] = field(default_factory=list)

    def start(self, told: Told) -> None:
        """Start those that do not run and wait until all answer; raises `EngineDied`."""
        begun = time.monotonic()
        for member in self.members:
            if not member.alive:
                member.start()
        while not all(member.answers() for member in self.members):
            if time.monotonic() - begun > READY_S:
                raise EngineDied(f"no vLLM was ready within {READY_S:g} s:\n{last_words(self.members[0].log)}")
            time.sleep(0.2)
        told(f"{len(self.members)} vLLM engines answer after {time.monotonic() - begun:.0f} s")

    def stop(self) -> None:
        """End them all."""
        for member in self.members:
            member.stop()
        self.launcher.stop()


@contextmanager
def engines(count: int, told: Told) -> Iterator[Engines]:
    """So many engines that answer; raises `InstallError` or `EngineDied` with what was in the way."""
    install(told)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-vllm-")))
        found = make_engines(folder, count)
        stack.callback(found.stop)
        found.start(told)
        yield found


def make_engines(folder: Path, count: int) -> Engines:
    """The model, its adapters, and engines with ports of their own; nothing is started."""
    model = make_model(folder / MODEL)
    adapters = [make_adapter(folder / name, seed) for seed, name in enumerate(ADAPTERS, start=11)]
    found = Engines(model=model, launcher=Launcher(log=folder / "launcher.log"))
    for index, ports in enumerate(engine_ports(count)):
        name = f"engine-{index}"
        found.members.append(
            Engine(
                name=name,
                ports=ports,
                options=options(model, adapters, ports),
                log=folder / f"{name}.log",
                launcher=found.launcher,
            )
        )
    return found


def options(model: Path, adapters: list[Path], ports: Ports) -> list[str]:
    """Of `vllm serve`: prefix caching that is told over ZMQ, adapters, and NIXL in both directions."""
    events = {  # an address without a star would be connected to, not listened on
        "enable_kv_cache_events": True,
        "publisher": "zmq",
        "endpoint": f"tcp://*:{ports.events}",
        "replay_endpoint": f"tcp://*:{ports.replay}",
    }
    return [
        str(model), "--served-model-name", MODEL, TWIN, "--dtype", "float32", "--enforce-eager",
        "--max-model-len", str(CONTEXT_TOKENS), "--max-num-seqs", str(MAX_NUM_SEQS),
        "--block-size", str(BLOCK_TOKENS), "--num-gpu-blocks-override", str(BLOCKS),
        "--enable-prefix-caching", "--enable-prompt-tokens-details", "--kv-events-config", json.dumps(events),
        "--enable-lora", "--max-lora-rank", "8", "--max-loras", str(len(ADAPTERS)),
        "--lora-modules", *(f"{path.name}={path}" for path in adapters),
        "--kv-transfer-config", json.dumps(connector()), "--distributed-executor-backend", "uni",
    ]  # fmt: skip


def connector() -> dict[str, Any]:
    """NIXL from memory to memory."""
    return {
        "kv_connector": "NixlConnector",
        "kv_role": "kv_both",
        "kv_buffer_device": "cpu",
        "kv_connector_extra_config": {"num_threads": 0},
    }


def engine_ports(count: int) -> list[Ports]:
    """Ports for so many engines."""
    free = iter(free_ports(4 * count))
    return [Ports(http=next(free), events=next(free), replay=next(free), side=next(free)) for _ in range(count)]
