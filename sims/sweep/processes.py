"""Units over the cores of this machine: one process each, one unit at a time, gone when their parent goes."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from sims.measure.outcome import Outcome
from sims.sweep.inputs import Inputs, Unit
from sims.sweep.trial import Bench, ensure_compiled

Done = tuple[int, Outcome]


class Died(RuntimeError):
    """A simulating process that ended without an answer."""


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """A context that runs units in processes and ends them on the way out."""

    def __init__(self, inputs: Inputs, count: int) -> None:
        self._inputs, self._count = inputs, max(count, 1)
        self._workers: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for ours, process in self._workers.items():
            ours.close()
            process.terminate()
        for process in self._workers.values():
            process.join()

    def run(self, units: Sequence[Unit]) -> Iterator[Done]:
        """Every unit's place and outcome as it is done; raises what a unit raises, and `Died`."""
        ensure_compiled()  # once, before several processes would
        left = iter(enumerate(units))
        for _ in range(min(self._count, len(units))):
            self._give(self._start(), left)
        busy = set(self._workers)
        while busy:
            for ours in wait(list(busy)):
                assert isinstance(ours, Connection)
                yield self._taken(ours)
                if not self._give(ours, left):
                    busy.discard(ours)

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, self._inputs), daemon=True)
        process.start()
        theirs.close()
        self._workers[ours] = process
        return ours

    def _give(self, to: Connection, left: Iterator[tuple[int, Unit]]) -> bool:
        following = next(left, None)
        if following is None:
            return False
        try:
            to.send(following)
        except (BrokenPipeError, ConnectionResetError):
            raise self._died(to) from None
        return True

    def _taken(self, ours: Connection) -> Done:
        try:
            place, found = ours.recv()
        except (EOFError, ConnectionResetError):
            raise self._died(ours) from None
        if isinstance(found, Exception):
            raise found
        return place, found

    def _died(self, ours: Connection) -> Died:
        process = self._workers[ours]
        process.join(5.0)
        return Died(f"a simulating process ended with status {process.exitcode}: is there memory enough?")


def work(parent: Connection, inputs: Inputs) -> None:
    """A process's life: units in, outcomes out, until the parent is gone. An interrupt is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bench = Bench(inputs)
    while True:
        try:
            place, unit = parent.recv()
            parent.send((place, answered(bench, unit)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def answered(bench: Bench, unit: Unit) -> Outcome | Exception:
    """Its outcome, or what is wrong with it in a sentence."""
    try:
        return bench.run(unit)
    except (ValueError, LookupError) as error:
        return error
