"""The compiled loop, found in the cache or built by a subprocess."""

import ctypes
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from policies import boundary, fleet, request
from policies.kv import expected
from policies.native.library import cache_folder, processor
from policies.perf import latency, step
from sims.engine import compiled, control, memory, records

SYMBOL = "weir_simulate"


def library_path() -> Path:
    """The library of exactly these sources, compiler and processor."""
    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')} {processor()}".encode())
    for source in sorted(_sources()):
        digest.update(source.read_bytes())
    return cache_folder() / f"loop-{digest.hexdigest()[:24]}.so"


def _sources() -> set[Path]:
    modules = [boundary, expected, fleet, request, latency, step, compiled, control, memory, records]
    functions = {sys.modules[function.__module__] for function in compiled.COMPILED}
    files = {Path(str(module.__file__)) for module in {*modules, *functions}}
    return files | set(Path(__file__).parent.glob("*.py"))


def ensure_built() -> Path:
    """Build the library unless it is there; some twenty seconds, once per change of the sources."""
    path = library_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        roots = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
        command = [sys.executable, "-P", "-W", "ignore", "-m", "sims.engine.native.build", str(path)]
        # What numba makes of each function is optimised once, when all of them are together.
        told = {**os.environ, "PYTHONPATH": roots, "NUMBA_OPT": "1"}
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the simulator could not be compiled: {done.stderr.strip()[-800:]}")
    return path


@cache
def asked() -> Callable[[int, int, int], int]:
    """`sims.engine.control.asked` on the world at an address."""
    found = getattr(ctypes.CDLL(str(ensure_built())), SYMBOL)
    found.restype, found.argtypes = ctypes.c_int64, [ctypes.c_int64] * 3
    return found  # type: ignore[no-any-return]
