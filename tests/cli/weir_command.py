"""`weir` as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

ROOT = Path(__file__).parents[2]
TINY = ROOT / "examples" / "tiny-fleet.yaml"

Weir = Callable[..., Result]


def start(*arguments: str) -> "subprocess.Popen[str]":
    """`weir ARGUMENTS` as a process with its own session, that ends with this one whatever happens."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "proto")])
    return subprocess.Popen(
        [sys.executable, "-m", "cli.leash", str(os.getpid()), sys.executable, "-m", "cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )
