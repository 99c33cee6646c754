"""etcd and kube-apiserver as child processes: one API, on loopback, gone when the block ends."""

import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.cluster.build import built

READY_S = 180.0  # seconds; a busy machine takes long
CONTROLLERS = "deployment,replicaset,statefulset,endpoint,endpointslice,garbagecollector,disruption,namespace"


class NotReady(RuntimeError):
    """A server that did not come up; the message holds its last lines."""


@dataclass(slots=True)
class Server:
    """One child and how it is started again."""

    command: list[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait for its end."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, how)
            self.child.wait()
            self.child = None

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-800:] if self.log.exists() else ""


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A running API."""

    folder: Path
    port: int
    token: str
    etcd: Server
    api: Server
    controllers: Server | None = None
    kubeconfig: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kubeconfig = self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"https://127.0.0.1:{self.port}"

    def wait(self, within_s: float = READY_S) -> None:
        """Until the API says it is ready; raises `NotReady`."""
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token}"})
        context = ssl._create_unverified_context()
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            with suppress(OSError), urllib.request.urlopen(request, context=context, timeout=10) as reply:
                if reply.read() == b"ok":
                    return
            time.sleep(0.1)
        raise NotReady(f"no API after {within_s:.0f} s: {self.api.said() or self.etcd.said()}")


@contextmanager
def cluster(folder: Path, *, controllers: bool = False) -> Iterator[Cluster]:
    """An API with RBAC and an administrator's kubeconfig; raises `InstallError` or `NotReady`."""
    found = _described(folder, built(), controllers)
    servers = [found.etcd, found.api, *([found.controllers] if found.controllers else [])]
    try:
        found.etcd.start()
        found.api.start()
        found.wait()
        if found.controllers:
            found.controllers.start()
        yield found
    finally:
        for server in reversed(servers):
            server.kill()


def _described(folder: Path, binaries: Path, controllers: bool) -> Cluster:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    api, client, peer = (free_port() for _ in range(3))
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    key = folder / "account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    found = Cluster(
        folder=folder,
        port=api,
        token=token,
        etcd=Server(_etcd(binaries, folder, client, peer), folder / "etcd.log"),
        api=Server(_api(binaries, folder, api, client, key), folder / "api.log"),
    )
    found.kubeconfig.write_text(kubeconfig(found.url, token, folder / "certificates" / "apiserver.crt"))
    if controllers:
        manager = [
            str(binaries / "kube-controller-manager"), f"--kubeconfig={found.kubeconfig}", "--leader-elect=false",
            f"--controllers={CONTROLLERS}", "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--port=0",
            f"--service-account-private-key-file={key}",
        ]  # fmt: skip
        found.controllers = Server(manager, folder / "controllers.log")
    return found


def _etcd(binaries: Path, folder: Path, client: int, peer: int) -> list[str]:
    here, there = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        str(binaries / "etcd"), f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}", f"--listen-peer-urls={there}", "--unsafe-no-fsync",
        f"--initial-advertise-peer-urls={there}", f"--initial-cluster=default={there}",
    ]  # fmt: skip


def _api(binaries: Path, folder: Path, port: int, etcd: int, key: Path) -> list[str]:
    return [
        str(binaries / "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1",
        f"--secure-port={port}", f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true",
    ]  # fmt: skip


def kubeconfig(url: str, token: str, signer: Path) -> str:
    """A kubeconfig that trusts the certificate that the API signs for itself when it first starts."""
    return f"""apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{url}", certificate-authority: "{signer}"}}}}]
users: [{{name: admin, user: {{token: {token}}}}}]
contexts: [{{name: here, context: {{cluster: here, user: admin}}}}]
current-context: here
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
