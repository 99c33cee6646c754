"""Real servers of the kinds that are deployed: behind TLS, with an ACL, and a cluster."""

import asyncio
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.pool.valkey_server import BINARY


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


USER, PASSWORD = "weir", "s3cret-pass"


class Server:
    """A server on a TCP port."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port, self._folder, self._flags = free_port(), folder, flags
        self.bus = int(flags[3]) if "--cluster-port" in flags else 0

    def start(self) -> None:
        binary = next(BINARY.glob("*/valkey-server"))
        flags = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([binary, *flags, *self._flags], stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self._process.poll() is None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)

    def client(self) -> "Redis":
        return Redis(port=self.port)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


def with_acl(folder: Path) -> Server:
    """A server where the default user may do nothing, and ours what Weir does."""
    server = Server(folder)
    server.start()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~weir:*", "+@all", "-@dangerous")
        client.execute_command("ACL", "SETUSER", "default", "off")
    return server


def cluster_node(folder: Path, number: int) -> Server:
    """A node, not started, that knows of no other."""
    bus, config = str(free_port()), f"nodes-{number}.conf"
    return Server(folder, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-config-file", config)


def join(nodes: list[Server]) -> None:
    """Three nodes become a cluster that shares the slots out."""
    for number, node in enumerate(nodes):
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * 5462, min(number * 5462 + 5461, 16383))
            for other in nodes:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)


def agreed(nodes: list[Server]) -> bool:
    """Whether every node says that all slots are served."""
    for node in nodes:
        with node.client() as client:
            if b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                return False
    return True


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(words, check=True, capture_output=True)
    return chain, key


class Terminator:
    """TLS in front of a unix socket: the wheel's server is built without it."""

    def __init__(self, path: Path, chain: Path, key: Path) -> None:
        self._socket, self._context = path, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain, key)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back, forth = await asyncio.open_unix_connection(str(self._socket))
        try:
            await asyncio.gather(_copy(reader, forth), _copy(back, writer))
        finally:
            forth.close()
            writer.close()
            self._tasks.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
