"""Units over processes: all of them once, errors in sentences, nothing left running."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from sims.measure.outcome import Outcome
from sims.sweep.inputs import Unit
from sims.sweep.processes import Died, Processes, answered, cores, work
from sims.sweep.study import Here, Study, carry_out
from sims.sweep.trial import Bench, compiled
from tests.sims.sweep.oracle import simulate
from tests.sims.sweep.studies import inputs

UNITS = [Unit(point=(("policy", name),), seed=seed) for seed in range(2) for name in ("random", "least_loaded")]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """The simulator compiled once, not in every process."""
    compiled()


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Two of them."""
    with Processes(inputs(), 2) as two:
        yield two


def test_every_unit_is_done_once(processes: Processes) -> None:
    assert sorted(place for place, _ in processes.run(UNITS)) == [0, 1, 2, 3]


def test_processes_find_what_one_process_finds(processes: Processes) -> None:
    def ttft(outcome: Outcome) -> float:
        return outcome.metrics.ttft_s.mean

    mine = inputs()
    apart = {place: ttft(found) for place, found in processes.run(UNITS)}
    here = {place: ttft(found) for place, found in Here(mine).run(UNITS)}
    assert apart == here


def test_what_is_wrong_with_a_unit_is_raised_here(processes: Processes) -> None:
    wrong = [Unit(point=(("policy", "nobody"),), seed=0)]
    with pytest.raises(LookupError, match="no routing policy 'nobody'"):
        list(processes.run(wrong))


def test_nothing_is_left_running() -> None:
    with Processes(inputs(), 2) as two:
        next(iter(two.run(UNITS)))
        children = multiprocessing.active_children()
        assert children
    assert not [child for child in children if child.is_alive()]


def test_a_process_that_is_killed_is_told_of() -> None:
    with Processes(inputs(), 1) as one:
        running = one.run(UNITS)
        next(running)
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        with pytest.raises(Died, match="is there memory enough"):
            list(running)


def test_no_more_processes_than_units_are_started() -> None:
    with Processes(inputs(), 8) as many:
        assert len(list(many.run(UNITS[:1]))) == 1
        assert len(many._workers) == 1


class Told:
    """One end of a pipe, read from a list."""

    def __init__(self, *units: Any) -> None:
        self.units, self.sent = list(units), list[Any]()

    def recv(self) -> Any:
        if not self.units:
            raise EOFError
        return self.units.pop(0)

    def send(self, value: Any) -> None:
        self.sent.append(value)


def test_a_process_works_until_its_parent_is_gone_and_leaves_interrupts_to_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    parent = Told((7, UNITS[0]), (8, UNITS[1]))
    try:
        work(parent, inputs())  # type: ignore[arg-type]
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert [place for place, _ in parent.sent] == [7, 8]
    assert isinstance(parent, Connection) is False


def test_an_answer_is_an_outcome_or_what_is_wrong() -> None:
    bench = Bench(inputs(), simulate)
    assert isinstance(answered(bench, UNITS[0]), Outcome)
    assert isinstance(answered(bench, Unit(point=(("rate", "fast"),), seed=0)), ValueError)


def test_a_study_runs_over_processes() -> None:
    mine = inputs()
    study = carry_out(Study(points=[()], seeds=2), mine, Processes(mine, 2))
    assert len(study.found) == 2
    assert study.elapsed_s > 0.0


def test_there_is_at_least_one_core() -> None:
    assert cores() >= 1
