"""One run: everything is started once, then rounds in random order; one sample a target, cell and round."""

import contextlib
import random
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.gateway import client
from bench.gateway.client import Cell
from bench.gateway.installs import InstallError
from bench.gateway.peers import CHAT, Peer
from bench.gateway.places import CLIENT_CORE, GATEWAY_CORE, REPLICA_PORTS
from bench.gateway.plan import WARM_UP, Plan
from bench.gateway.sample import Sample, Target, run_cell
from bench.gateway.sessions import Session

DIRECT = "direct"
READY_S = 120.0


@dataclass(slots=True, kw_only=True)
class Results:
    """What a run has found out so far."""

    samples: list[Sample] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def skip(self, name: str, reason: str) -> None:
        """Note a target that is out, and say so."""
        self.skipped[name] = reason
        say(f"# {name} skipped: {reason}")


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def install(peers: list[Peer], results: Results) -> list[Peer]:
    """Install what can be; the others are skipped with their reason."""
    ready = []
    for peer in peers:
        try:
            results.versions[peer.name] = peer.install()
            ready.append(peer)
            say(f"# {peer.name} {results.versions[peer.name]} installed")
        except InstallError as error:
            results.skip(peer.name, f"not installed: {error}")
    return ready


def measure(peers: list[Peer], plan: Plan, results: Results, draw: random.Random) -> None:
    """Start all, measure all, stop all."""
    with contextlib.ExitStack() as stack:
        mock = start_mock(stack)
        direct = Target(name=DIRECT, port=REPLICA_PORTS[0], path=CHAT, session=mock)
        targets = [direct, *start_peers(peers, results, stack)]
        for cell in WARM_UP:
            for target in draw.sample(targets, len(targets)):
                try_cell(target, cell, -1, mock, targets, results)
        for round_ in range(plan.rounds):
            begun = time.monotonic()
            for cell in plan.cells():
                for target in draw.sample(targets, len(targets)):
                    own = plan.cell_for(target.slow, cell, round_)
                    if own is not None and (sample := try_cell(target, own, round_, mock, targets, results)):
                        results.samples.append(sample)
            say(f"# round {round_ + 1} of {plan.rounds}: {time.monotonic() - begun:.0f} s")


def start_mock(stack: contextlib.ExitStack) -> Session:
    """The replicas, on the client's core, and what the client needs."""
    for port in REPLICA_PORTS:
        require_free(port)
    client.build("load")
    for stream in (False, True):
        client.write_bodies(stream)
    pace = ("-n", client.CHUNKS, "-t", client.TTFT_US, "-g", client.GAP_US)
    command = tuple(map(str, (client.build("mock"), *pace, *REPLICA_PORTS)))
    mock = Session("mock", command, CLIENT_CORE, {})
    stack.callback(mock.stop)
    if (problem := mock.wait_ready(REPLICA_PORTS[-1], CHAT, 5)) is not None:
        raise SystemExit(f"mock: {problem}")
    return mock


def require_free(port: int) -> None:
    """Another program on the port would be measured in a target's place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SystemExit(f"port {port} is taken: is another measurement running?") from error


def start_peers(peers: list[Peer], results: Results, stack: contextlib.ExitStack) -> Iterator[Target]:
    """Start all at once, then keep those that answer."""
    started = []
    for peer in peers:
        require_free(peer.port)
        session = Session(peer.name, peer.command(), GATEWAY_CORE, peer.env)
        stack.callback(session.stop)
        started.append((peer, session))
    for peer, session in started:
        problem = session.wait_ready(peer.port, peer.ready, READY_S)
        if problem is not None:
            results.skip(peer.name, f"not started: {problem}")
            continue
        say(f"# {peer.name} ready")
        yield Target(name=peer.name, port=peer.port, path=peer.ready, session=session, slow=peer.slow)


def try_cell(
    target: Target, cell: Cell, round_: int, mock: Session, targets: list[Target], results: Results
) -> Sample | None:
    """One sample; a target that breaks is out of the run."""
    try:
        return run_cell(target, cell, round_, mock)
    except client.LoadError as error:
        targets.remove(target)
        results.skip(target.name, f"broke in {cell.name}: {error}; its log ends: {target.session.last_words()}")
        return None
