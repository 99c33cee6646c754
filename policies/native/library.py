"""The compiled kernels, found in the cache or built by a subprocess, and their C signatures."""

import ctypes
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import policies

POINTER, INT, FLOAT, HASH = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double, ctypes.c_uint64

BUILT = "WEIR_KERNELS"  # the environment's name for the path of a library that is built
_ROWS = [POINTER, INT, INT, POINTER]  # rows, how many, width, layout
_TABLE = [*_ROWS, POINTER, INT]  # and slots, how many
SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "store": (INT, [*_TABLE, POINTER, INT, INT, POINTER, INT]),
    "remove": (None, [*_TABLE, POINTER, INT, INT, POINTER, INT]),
    "forget": (None, [*_TABLE, POINTER, INT]),
    "age": (None, [*_TABLE, POINTER, INT]),
    "move": (None, [*_ROWS, POINTER, *_ROWS]),
    "rehash": (None, [*_TABLE, POINTER]),
    "longest": (INT, [*_TABLE, POINTER, INT, FLOAT, POINTER, POINTER, INT]),
    "remember": (INT, [POINTER, INT, INT]),
    "decoder": (INT, [POINTER, POINTER, INT, INT]),
    "encoder": (INT, [POINTER, POINTER, INT, FLOAT]),
    "chain": (INT, [POINTER, INT, INT, HASH, POINTER]),
    "chain_text": (INT, [ctypes.c_char_p, INT, INT, HASH, POINTER]),
}
PLACE = (INT, [POINTER, ctypes.c_char_p, INT, INT, INT, FLOAT, HASH, FLOAT])
ROUTE = (INT, [POINTER, POINTER, INT, POINTER, POINTER, INT, FLOAT, POINTER])
KINDS = {"route": ROUTE, "place": PLACE}


def cache_folder() -> Path:
    """Where built libraries are kept: $WEIR_CACHE, else the user's cache folder."""
    named = os.environ.get("WEIR_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "weir"


def library_path() -> Path:
    """The library of exactly this source, compiler and processor."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')} {processor()}".encode())
    for folder in policies.__path__:
        for source in sorted(Path(folder).rglob("*.py")):
            digest.update(source.read_bytes())
    return cache_folder() / f"kernels-{digest.hexdigest()[:24]}.so"


def ensure_built() -> Path:
    """Build the library unless it is there; about a minute of one core, once per change of `policies`.

    A process that was started by one which knows the path is told it: finding it out costs 4 MB of imports.
    """
    told = os.environ.get(BUILT)
    if told and Path(told).exists():
        return Path(told)
    path = library_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        roots = os.pathsep.join([str(Path(next(iter(policies.__path__))).parent), *sys.path])
        command = [sys.executable, "-P", "-W", "ignore", "-m", "policies.native.build", str(path)]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": roots}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"the kernels could not be compiled: {done.stderr.strip()[-800:]}")
    return path


@cache
def function(name: str) -> Callable[..., Any]:
    """One entry point as a callable that takes addresses and numbers."""
    found = getattr(_library(), f"weir_{name}")
    found.restype, found.argtypes = KINDS.get(name.partition("_")[0]) or SIGNATURES[name]
    return found  # type: ignore[no-any-return]


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(ensure_built()))


def processor() -> str:
    """What tells this machine's processor from another."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return "".join(line for line in lines if line.startswith(("flags", "model name")))[:4000] + platform.machine()
