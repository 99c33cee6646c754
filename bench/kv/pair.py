"""Both sides as processes that are asked in turn."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]

Told = dict[str, Any]  # side → what it answered


class Pair:
    """Weir's side and Dynamo's, each with the stream at hand; what is asked runs on one after the other."""

    def __init__(self, stream: Path, dynamo_python: str) -> None:
        self._sides = {
            "weir": _start([sys.executable, "-m", "bench.kv.side", "weir", str(stream)], {}),
            # its log would be most of its time where it warns
            "dynamo": _start([dynamo_python, "-m", "bench.kv.side", "dynamo", str(stream)], {"DYN_LOG": "off"}),
        }

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *_: object) -> None:
        for side in self._sides.values():
            side.kill()
            side.communicate()

    def ask(self, what: str) -> Told:
        """The same of each side in turn."""
        return {name: self._ask(side, what) for name, side in self._sides.items()}

    def agree(self) -> bool:
        """Whether both sides say the same of every prompt."""
        told = self.ask("answers")
        return bool(told["weir"] == told["dynamo"])

    def _ask(self, side: "subprocess.Popen[str]", what: str) -> Any:
        assert side.stdin is not None
        assert side.stdout is not None
        side.stdin.write(f"{what}\n")
        side.stdin.flush()
        line = side.stdout.readline()
        if not line:
            raise SystemExit(f"{side.args!r} ended without an answer to {what}")
        return json.loads(line)


def _start(command: list[str], more: dict[str, str]) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(REPO), str(REPO / "proto")])
    given = {**os.environ, "PYTHONPATH": path, **more}
    return subprocess.Popen(
        command, cwd=REPO, env=given, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
