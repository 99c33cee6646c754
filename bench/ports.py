"""Ports of this machine that nobody listens on, and whether somebody does."""

import socket

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """So many different free ports, all held until each is known."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def open_at(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
