"""The emulated replicas that a fleet file describes."""

from collections.abc import Iterator
from itertools import count

from sims.emulator.replica import EmulatedReplica
from weir.codec import latency
from weir.fleetfile import FleetFile, Pool, message

NO_PORT = 0


def emulated(fleet: FleetFile, host: str, base_port: int | None, events: bool) -> list[EmulatedReplica]:
    """Every replica of a fleet. Addresses in the file win; other ports count up from `base_port`, or are free ones.

    Raises `UnknownProfile` or `DoesNotFit` for a pool that names no such replica, ValueError for an address without
    a port.
    """
    ports = count(base_port) if base_port is not None else _any_port()
    return [_replica(pool, index, host, ports, events) for pool in fleet.pools for index in range(pool.size)]


def _replica(pool: Pool, index: int, host: str, ports: Iterator[int], events: bool) -> EmulatedReplica:
    described = message(pool, index, "")
    host, port = _split(pool.addresses[index]) if pool.addresses else (host, next(ports))
    return EmulatedReplica(
        name=described.name,
        host=host,
        port=port,
        model=described.model,
        perf=latency(described),
        block_tokens=described.block_tokens,
        context_limit=described.context_limit,
        tokenizer=described.tokenizer,
        chat_template=described.chat_template,
        events_port=_endpoint(pool.events, index, ports, events),
        replay_port=_endpoint(pool.replay, index, ports, events),
    )


def _endpoint(given: list[str], index: int, ports: Iterator[int], wanted: bool) -> int | None:
    if given:
        return _split(given[index].removeprefix("tcp://"))[1]
    return next(ports) if wanted else None


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"address {address!r}: give host:port")
    return host, int(port)


def _any_port() -> Iterator[int]:
    while True:
        yield NO_PORT
