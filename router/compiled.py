"""The hot modules as machine code: the same typed Python, compiled by mypyc into a cache folder and put before it.

A worker imports them from there; without mypyc or a C compiler the modules run as they stand, at a third more CPU a
request, and the router says so. The folder is named after the sources: a compiled module is never older than its text.
"""

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from policies.native.library import cache_folder

BUILT = "WEIR_HOT"  # the environment's name for a folder of modules that are compiled
ROOT = Path(__file__).parent.parent
MODULES = (
    "policies.request", "policies.decision", "policies.scale.lengths", "policies.kv.index", "policies.native.index",
    "policies.native.placer", "router.estimate", "router.order", "router.rewriting", "router.promises", "router.view",
    "router.held", "router.models", "router.metrics", "router.tally", "router.coming", "router.boundaries",
    "router.core",
    "router.gateway.head", "router.gateway.framing", "router.gateway.body", "router.gateway.usage",
    "router.gateway.continuable", "router.gateway.spoken", "router.adapters", "router.truth", "router.guesses",
    "router.counting", "router.unstreamed", "router.gateway.through", "router.gateway.upstream",
    "router.gateway.exchange", "router.gateway.client", "router.gateway.aside", "router.gateway.server",
    "router.extproc.frames", "router.extproc.heads", "router.extproc.stream", "router.extproc.connection",
    "router.extproc.messages", "router.extproc.metadata", "router.extproc.answers", "router.extproc.health",
    "router.extproc.call", "router.extproc.picker", "router.extproc.endpoint",
)  # fmt: skip
SETUP = """
from setuptools import setup
from mypyc.build import mypycify
setup(name="weir-hot", packages=[], ext_modules=mypycify({arguments!r}, opt_level="3", target_dir={scratch!r}))
"""


def source(module: str) -> Path:
    """The file of a module of this checkout."""
    return ROOT / (module.replace(".", "/") + ".py")


def folder() -> Path:
    """Where the modules of exactly this source, compiled by exactly this compiler, are kept.

    Raises `LookupError` where there is no compiler. A process that was told the folder does not ask.
    """
    known = os.environ.get(BUILT)
    if known:
        return Path(known)
    from importlib.metadata import PackageNotFoundError, version

    try:
        mypy = version("mypy")
    except PackageNotFoundError:
        raise LookupError("mypy is not installed (pip install 'weir[compiled]')") from None
    told = f"{mypy} {sys.implementation.cache_tag} {os.uname().machine}"
    digest = hashlib.sha256(told.encode())
    for module in MODULES:
        digest.update(source(module).read_bytes())
    return cache_folder() / f"hot-{digest.hexdigest()[:24]}"


def ensure() -> str:
    """Compile the modules unless that is done; returns why they are not compiled, or nothing."""
    if os.environ.get("WEIR_INTERPRETED"):
        return "WEIR_INTERPRETED is set"
    try:
        wanted = folder()
    except LookupError as missing:
        return str(missing)
    if wanted.exists():
        return ""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.parent) as scratch:
        done = _compile(Path(scratch))
        if done.returncode:
            return f"mypyc failed: {(done.stdout + done.stderr).strip()[-600:]}"
        with contextlib.suppress(OSError):  # somebody else was quicker
            (Path(scratch) / "out").rename(wanted)
    return "" if wanted.exists() else f"{wanted} could not be written"


def install() -> bool:
    """Put the compiled modules before their sources, for modules not yet imported; False where there are none."""
    try:
        found = folder()
    except LookupError:
        return False
    if os.environ.get("WEIR_INTERPRETED") or not found.exists():
        return False
    sys.path.append(str(found))  # where the modules find the library they share
    sys.meta_path.insert(0, Overlay(found))
    return True


class Overlay:
    """Finds the modules of MODULES in the compiled folder."""

    def __init__(self, found: Path) -> None:
        self._folder = found

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The compiled module of that name, if it is one of them."""
        if name not in MODULES:
            return None
        pattern = f"{name.rpartition('.')[2]}.*{importlib.machinery.EXTENSION_SUFFIXES[-1]}"
        stem = self._folder / name.replace(".", "/")
        file = next(iter(stem.parent.glob(pattern)), None) or next(iter(stem.parent.glob(f"{stem.name}.*.so")), None)
        return importlib.util.spec_from_file_location(name, file) if file else None


def _compile(scratch: Path) -> "subprocess.CompletedProcess[str]":
    (scratch / "out").mkdir()
    arguments = ["--config-file", str(ROOT / "pyproject.toml"), "--follow-imports=silent", "--no-warn-unused-ignores"]
    files = [str(source(module).relative_to(ROOT)) for module in MODULES]
    script = scratch / "build_hot.py"
    script.write_text(SETUP.format(arguments=[*arguments, *files], scratch=str(scratch / "c")))
    command = [
        sys.executable,
        str(script),
        "-q",
        "build_ext",
        "--build-lib",
        str(scratch / "out"),
        "--build-temp",
        str(scratch / "temp"),
    ]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto")]), "MYPYPATH": str(ROOT / "proto")}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **paths}, capture_output=True, text=True, check=False)
