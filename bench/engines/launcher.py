"""Run by vLLM's own Python: imports it once, then forks a `vllm serve` for every line of JSON on stdin.

Importing vLLM takes twenty seconds of a core, and an engine is three processes that each do it; forked from one that
has, an engine starts in five. What runs is vLLM's own command, but for two things: its processes are forked rather than
spawned, and the model runs in the engine's process rather than in one of its own.
"""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1
WARM = (
    "vllm.entrypoints.openai.api_server",
    "vllm.v1.engine.core",
    "vllm.v1.worker.cpu_worker",
    "vllm.model_executor.models.llama",
)


def main() -> None:
    """Say READY, then a process id for each line."""
    system: Any = import_module("vllm.utils.system_utils")
    system.get_mp_context = lambda: multiprocessing.get_context("fork")
    command = import_module("vllm.entrypoints.cli.main")
    for name in WARM:
        import_module(name)
    signal.signal(signal.SIGCHLD, reap)
    print("READY", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            become(asked)
            command.main()
            os._exit(0)
        print(pid, flush=True)


def become(asked: dict[str, Any]) -> None:
    """Be a process of its own, which ends when the launcher does, with that log, environment and command line."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.update(asked["environment"])
    sys.argv = ["vllm", "serve", *asked["options"]]


def reap(_: int, __: FrameType | None) -> None:
    """Engines that ended leave nothing behind."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
