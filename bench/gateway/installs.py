"""Getting peers into the cache: one virtual environment a wheel family, Debian packages unpacked beside them."""

import subprocess
import sys
from pathlib import Path

from bench.gateway.places import CACHE, LOGS, VENVS

TIMEOUT_S = 900
NGINX = CACHE / "debian" / "usr" / "sbin" / "nginx"


class InstallError(Exception):
    """A peer cannot be had here; the message says why."""


def attempt(command: list[str], log: Path, cwd: Path | None = None) -> str:
    """Run one install step and return its output; its last telling line becomes the error."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]}: {error}") from error
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}")
    if done.returncode:
        raise InstallError(reason(done.stdout) or f"{command[0]} exited {done.returncode}")
    return done.stdout


def reason(output: str) -> str:
    """The last error line of an installer, or its last line at all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:"))]
    return (errors or lines or [""])[-1][:300]


def wheels(family: str, *requirements: str) -> str:
    """Install requirements into the family's own virtual environment, once; return the first one's version."""
    folder, log = VENVS / family, LOGS / f"install-{family}.txt"
    python, marker, wanted = str(folder / "bin" / "python"), folder / "installed.txt", "\n".join(requirements)
    if not (marker.exists() and marker.read_text() == wanted):
        log.unlink(missing_ok=True)
        attempt([sys.executable, "-m", "venv", "--clear", str(folder)], log)
        attempt([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements], log)
        marker.write_text(wanted)
    name = requirements[0].split("==")[0].split("[")[0]
    return attempt([python, "-c", f"import importlib.metadata as m; print(m.version({name!r}))"], log).strip()


def nginx() -> str:
    """Unpack Debian's nginx into the cache, once, so that no service starts; return its version."""
    folder, log = CACHE / "debian", LOGS / "install-nginx.txt"
    if not NGINX.exists():
        log.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        download_deb("nginx", folder, log)
        for package in folder.glob("nginx_*.deb"):
            attempt(["dpkg-deb", "-x", str(package), str(folder)], log)
    return attempt([str(NGINX), "-v"], log).strip().rpartition("/")[2]


def download_deb(package: str, folder: Path, log: Path) -> None:
    """Fetch a Debian package; a machine whose package lists are missing or old gets them first."""
    try:
        attempt(["apt-get", "download", package], log, cwd=folder)
    except InstallError:
        attempt(["apt-get", "update"], log)
        attempt(["apt-get", "download", package], log, cwd=folder)
