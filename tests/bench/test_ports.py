"""Free ports are free, different, and told apart from those that are taken."""

import socket

from bench.ports import HOST, free_ports, open_at


def test_ports_taken_together_are_all_different() -> None:
    assert len(set(free_ports(50))) == 50


def test_a_free_port_can_be_listened_on_and_is_then_open() -> None:
    (port,) = free_ports(1)
    assert not open_at(port)
    with socket.create_server((HOST, port)):
        assert open_at(port)
    assert not open_at(port)
