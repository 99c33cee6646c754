"""The compiled loops, found in the cache or built by a subprocess, and their C signatures."""

import ctypes
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from policies.native.library import cache_folder, processor

TEXT, ARRAY, INT = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64
SIGNATURES = {
    "worths": [TEXT, INT, INT, INT, ARRAY],
    "ngrams": [TEXT, INT, ARRAY, ARRAY, INT, ARRAY, INT],
    "hash_rows": [TEXT, ARRAY, INT, ARRAY, INT, INT, INT, ARRAY, ARRAY],
    "add_rows": [ARRAY, INT, INT, ARRAY, ARRAY, ARRAY, INT],
    "best": [ARRAY, INT, INT, ARRAY, ARRAY, ARRAY, ARRAY],
}


def library_path() -> Path:
    """The library of exactly these sources, compiler and processor."""
    digest = hashlib.sha256(f"{version('numba')} {version('llvmlite')} {processor()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return cache_folder() / f"texts-{digest.hexdigest()[:24]}.so"


def ensure_built() -> Path:
    """Build the library unless it is there; some ten seconds, once per change of this folder."""
    path = library_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        roots = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
        command = [sys.executable, "-P", "-W", "ignore", "-m", "router.classify.native.build", str(path)]
        told = {**os.environ, "PYTHONPATH": roots}
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the classifier's loops could not be compiled: {done.stderr.strip()[-800:]}")
    return path


@cache
def function(name: str) -> Callable[..., None]:
    """One entry point as a callable that takes bytes, addresses and numbers; other threads run on meanwhile."""
    found = getattr(_library(), f"weir_{name}")
    found.restype, found.argtypes = None, SIGNATURES[name]
    return found  # type: ignore[no-any-return]


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(ensure_built()))
