"""Addresses, ports and files to write, checked before anything is started."""

import errno
import socket
from pathlib import Path

from cli.door import WrongUse


class CannotListen(OSError):
    """An address that is taken, or not ours."""


def split(address: str) -> tuple[str, int]:
    """Host and port of host:port; raises `WrongUse`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise WrongUse(f"{address!r} is no address: write host:port")
    return host.strip("[]"), int(port)


def free_port(host: str, port: int) -> int:
    """The port to listen on, a free one where `port` is 0; raises `CannotListen` when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: an old connection is no obstacle
        try:
            probe.bind((host, port))
            # two sockets may share a bound port as long as neither listens
            probe.listen(1)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            elsewhere = isinstance(error, socket.gaierror) or getattr(error, "errno", 0) == errno.EADDRNOTAVAIL
            remedy = "give an address of this machine" if elsewhere else "choose another port"
            raise CannotListen(f"cannot listen on {host}:{port}: {why.lower().rstrip('.')}; {remedy}") from None
        return int(probe.getsockname()[1])


def writable(path: Path) -> None:
    """Make sure that lines can be added to a file, which is made if need be; raises `OSError`."""
    with path.open("a", encoding="utf-8"):
        pass


def url(host: str, port: int) -> str:
    """Where clients reach it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
