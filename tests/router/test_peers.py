"""Workers of one port see each other's sends, whatever order they met the replicas in."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from policies import fleet
from policies.fleet import KV_USED, RUNNING, Columns, Fleet, Replica
from policies.perf.profiles import latency_model
from router.peers import STATE, WIDTH, Peers, create
from router.view import Load, View
from weir import keys

NAMES = ("a", "b", "c")


class Worker:
    """One worker's view of the fleet and its window on the others."""

    def __init__(self, descriptor: int, index: int, names: tuple[str, ...]) -> None:
        self.fleet = Fleet()
        self.view = View(self.fleet)
        self.peers = Peers(descriptor, 2, index)
        for name in names:
            perf = latency_model("h100-sxm", "llama-3.1-8b")
            self.view.join(Replica(name=name, address="h:1", pool="p", model="m", gpu="g", perf=perf))

    def sends(self, name: str) -> Load:
        """Send a request to a replica."""
        load = Load(self.fleet.rows[name], 100.0, 5000.0, 400.0)
        self.view.send(load)
        return load

    def seen(self, column: str, name: str) -> float:
        """What this worker believes of a replica."""
        return float(getattr(self.fleet.columns, column)[self.fleet.rows[name]])


@pytest.fixture
def workers() -> Iterator[tuple[Worker, Worker]]:
    descriptor = create(2)
    yield Worker(descriptor, 0, NAMES), Worker(descriptor, 1, NAMES[::-1])
    os.close(descriptor)


def tick(*workers: Worker) -> None:
    """Let every worker tell and hear, twice, so that all has gone round."""
    for worker in workers * 2:
        worker.view.share(worker.peers)


def test_a_request_sent_by_one_worker_is_seen_by_the_other(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    one.sends("b")
    tick(one, other)
    assert other.seen("waiting", "b") == 1.0
    assert other.seen("queued_tokens", "b") == 100.0
    assert other.seen("waiting", "a") == other.seen("waiting", "c") == 0.0


def test_its_own_part_is_not_counted_twice(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    one.sends("b")
    other.sends("b")
    for _ in range(3):
        tick(one, other)
    assert one.seen("waiting", "b") == other.seen("waiting", "b") == 2.0


def test_nothing_is_left_when_all_has_ended(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    loads = [(worker, worker.sends(name)) for worker in workers for name in NAMES]
    tick(one, other)
    for worker, load in loads:
        worker.view.start(load)
        worker.view.end(load)
    tick(one, other)
    for worker in workers:
        assert not np.any(worker.fleet.table[:, RUNNING : KV_USED + 1])


def test_what_a_dead_worker_had_sent_is_forgotten(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    one.sends("a")
    tick(one, other)
    other.peers.clear(0)
    other.view.share(other.peers)
    assert other.seen("waiting", "a") == 0.0


def test_what_strangers_sent_is_not_told_as_ones_own(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    one.view.report(one.fleet.rows["a"], 4, 2)
    tick(one, other)
    assert one.seen("running", "a") == 4.0
    assert other.seen("running", "a") == other.seen("waiting", "a") == 0.0


def test_a_replica_that_left_takes_the_others_part_along(workers: tuple[Worker, Worker]) -> None:
    one, other = workers
    one.sends("a")
    tick(one, other)
    other.view.leave("a")
    perf = latency_model("h100-sxm", "llama-3.1-8b")
    row = other.view.join(Replica(name="d", address="h:2", pool="p", model="m", gpu="g", perf=perf))
    assert not np.any(other.fleet.table[row, RUNNING : KV_USED + 1])


def test_what_is_sent_elsewhere_counts_as_a_neighbours_does() -> None:
    descriptor = create(1, beside=2)
    worker, front = Worker(descriptor, 0, NAMES), Peers(descriptor, 1, -1)
    tick(worker)
    key = worker.fleet.columns.key[worker.fleet.rows["b"]]
    front.put(front.parts - 1, np.array([key, 12345.0, 0.0]), np.array([[0.0, 3.0, 0.0, 0.0, 0.0, 0.0]] * 3))
    tick(worker)
    assert worker.seen("waiting", "b") == 3.0
    assert front.sent_here(front.parts - 1)[0].tolist() == []
    front.put(front.parts - 1, np.empty(0), np.empty((0, 6)))
    tick(worker)
    assert worker.seen("waiting", "b") == 0.0
    os.close(descriptor)


def test_what_is_shared_is_all_that_sends_add_to_and_nothing_else() -> None:
    shared = {column: Columns._fields[column] for column in range(*STATE.indices(len(Columns._fields)))}
    assert set(shared.values()) == set(fleet.STATE) - {"ready"}
    assert keys.LOAD["load"].shape == (WIDTH,)
