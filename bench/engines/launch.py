"""Our end of the launcher: started when first needed, asked for engines, ended with them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engines.install import PYTHON

SCRIPT = Path(__file__).with_name("launcher.py")
REPO = Path(__file__).parents[2]
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else it will not have the model in the engine's own process
    "OMP_NUM_THREADS": "1",  # OpenMP's threads spin where cores are few
    "VLLM_SERVER_DEV_MODE": "1",  # for /reset_prefix_cache
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_LOGGING_LEVEL": "WARNING",
}


class EngineDied(RuntimeError):
    """An engine that ended or never was ready; the message has its last words."""


@dataclass(slots=True, kw_only=True)
class Launcher:
    """A process that has vLLM imported."""

    log: Path
    process: "subprocess.Popen[str] | None" = None

    def launch(self, options: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start `vllm serve` with those options; its process id. Raises `EngineDied` where vLLM does not import."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        asked = {"options": list(options), "environment": dict(environment), "log": str(log)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return int(self._said())

    def stop(self) -> None:
        """End it; engines that still run end with it."""
        if self.process is None:
            return
        self.process.kill()
        self.process.communicate()

    def _start(self) -> None:
        """The kernel stops it when we die."""
        leash = [sys.executable, "-P", "-m", "cli.leash", str(os.getpid())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*leash, str(PYTHON), "-P", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(REPO), **ENVIRONMENT},
            )
        while self._said() != "READY":
            pass

    def _said(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EngineDied(f"vLLM cannot be imported; its last words:\n{last_words(self.log)}")
        return line.strip()


def last_words(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
