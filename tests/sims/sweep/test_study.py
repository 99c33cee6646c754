"""Studies: seeds, common draws, what is done before, interrupts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from policies.fleet import Replica
from policies.policy import Routing
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import Run
from sims.measure.outcome import Outcome
from sims.measure.schema import plain
from sims.sweep.inputs import Unit
from sims.sweep.journal import SUFFIX, Journal
from sims.sweep.study import Here, Study, carry_out
from sims.sweep.trial import Bench
from tests.sims.sweep.oracle import simulate
from tests.sims.sweep.studies import done, inputs, trace

RANDOM, LEAST = (("policy", "random"),), (("policy", "least_loaded"),)


class Heard:
    """The reference, remembering what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Arrivals, str, Conditions]] = []

    def __call__(self, arrivals: Arrivals, fleet: Sequence[Replica], policy: Routing, conditions: Conditions) -> Run:
        self.asked.append((arrivals, policy.name(), conditions))
        return simulate(arrivals, fleet, policy, conditions)


def test_every_policy_gets_the_same_requests_and_draws() -> None:
    heard, mine = Heard(), inputs(again=True)
    carry_out(Study(points=[RANDOM, LEAST], seeds=3), mine, Here(mine, heard))
    assert [name for _, name, _ in heard.asked] == ["random", "least_loaded"] * 3
    for first, second in zip(heard.asked[::2], heard.asked[1::2], strict=True):
        assert first[0].at.tolist() == second[0].at.tolist()
        assert first[2].seed == second[2].seed
    assert len({tuple(arrivals.at.tolist()) for arrivals, _, _ in heard.asked}) == 3


def test_redrawn_seeds_come_at_the_traces_own_rate() -> None:
    heard, mine = Heard(), inputs(again=True)
    carry_out(Study(points=[LEAST], seeds=2), mine, Here(mine, heard))
    assert [arrivals.rate_rps for arrivals, _, _ in heard.asked] == pytest.approx([mine.own_rps] * 2)


def test_a_recorded_trace_is_replayed_as_it_is() -> None:
    heard, mine = Heard(), inputs()
    carry_out(Study(points=[()], seeds=1), mine, Here(mine, heard))
    assert heard.asked[0][0].at.tolist() == trace().at.tolist()


def test_the_fleets_deadlines_are_what_the_policy_is_told() -> None:
    heard, mine = Heard(), inputs()
    carry_out(Study(points=[()], seeds=1), mine, Here(mine, heard))
    assert (heard.asked[0][2].ttft_slo_s, heard.asked[0][2].tpot_slo_s) == (0.5, 0.05)


def test_only_the_first_seed_is_sampled() -> None:
    heard, mine = Heard(), inputs(again=True)
    carry_out(Study(points=[()], seeds=2), mine, Here(mine, heard))
    assert heard.asked[0][2].sample_s > 0.0
    assert heard.asked[1][2].sample_s == 0.0


def test_progress_is_told_after_every_run() -> None:
    mine, told = inputs(), list[int]()
    carry_out(
        Study(points=[RANDOM, LEAST], seeds=2), mine, Here(mine, simulate), told=lambda s: told.append(len(s.found))
    )
    assert told == [0, 1, 2, 3, 4]


def test_outcomes_are_found_by_point_and_seed() -> None:
    study = done(inputs(), [RANDOM, LEAST], seeds=2)
    assert list(study.of(RANDOM)) == [0, 1]
    assert study.of((("policy", "nobody"),)) == {}


class Breaks:
    """An executor that is interrupted after so many runs."""

    def __init__(self, inner: Here, after: int) -> None:
        self.inner, self.after, self.ran, self.left = inner, after, 0, False

    def __enter__(self) -> "Breaks":
        return self

    def __exit__(self, *_: object) -> None:
        self.left = True

    def run(self, units: Sequence[Unit]) -> Iterator[tuple[int, Outcome]]:
        for each in self.inner.run(units):
            if self.ran == self.after:
                raise KeyboardInterrupt
            self.ran += 1
            yield each


def test_an_interrupt_keeps_what_was_done_and_stops_the_rest() -> None:
    mine = inputs()
    breaking = Breaks(Here(mine, simulate), 1)
    study = carry_out(Study(points=[RANDOM, LEAST], seeds=1), mine, breaking)
    assert study.interrupted
    assert breaking.left
    assert list(study.found) == [Unit(point=RANDOM, seed=0)]


def test_an_interrupted_sweep_resumes(tmp_path: Path) -> None:
    mine, journal = inputs(), Journal(tmp_path / f"r.json{SUFFIX}")
    carry_out(Study(points=[RANDOM, LEAST], seeds=1), mine, Breaks(Here(mine, simulate), 1), journal=journal)
    heard = Heard()
    study = carry_out(Study(points=[RANDOM, LEAST], seeds=1), mine, Here(mine, heard), journal=journal)
    assert [name for _, name, _ in heard.asked] == ["least_loaded"]
    assert (study.resumed, study.interrupted, len(study.found)) == (1, False, 2)
    assert told(study) == told(done(mine, [RANDOM, LEAST]))


def told(study: Study) -> str:
    """Its outcomes as a report would have them, but for the wall clock."""
    by_point = [study.found[unit] for unit in study.units]
    timeless = [replace(each, metrics=replace(each.metrics, wall_s=0.0, requests_per_wall_s=0.0)) for each in by_point]
    return json.dumps([plain(each) for each in timeless])


def test_other_inputs_or_seeds_are_not_taken_for_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs")
    mine, other = inputs(), inputs(warmup=0.5)
    carry_out(Study(points=[LEAST], seeds=1), mine, Here(mine, simulate), journal=journal)
    for changed, seeds in ((other, 1), (inputs(trace(seed=1)), 1), (inputs(policy="random"), 1)):
        heard = Heard()
        carry_out(Study(points=[LEAST], seeds=seeds), changed, Here(changed, heard), journal=journal)
        assert len(heard.asked) == 1


def test_a_line_cut_short_is_done_again(tmp_path: Path) -> None:
    journal, mine = Journal(tmp_path / "runs"), inputs()
    carry_out(Study(points=[RANDOM, LEAST], seeds=1), mine, Here(mine, simulate), journal=journal)
    whole = journal.path.read_text()
    journal.path.write_text(whole[: len(whole) - 40])
    assert len(journal.done()) == 1


def test_endless_figures_survive_the_journal(tmp_path: Path) -> None:
    study = done(inputs(), [LEAST])
    outcome = next(iter(study.found.values()))
    judged = replace(outcome.metrics, quality=0.5, quality_in_time=0.4, usd_per_thousand_right=2.0)
    endless = replace(outcome, metrics=replace(judged, ttft_s=replace(judged.ttft_s, p99=inf)))
    with Journal(tmp_path / "runs") as journal:
        journal.add("k", endless)
    assert journal.done()["k"] == endless


def test_a_journal_lies_beside_its_report(tmp_path: Path) -> None:
    assert Journal.beside(tmp_path / "r.json").path == tmp_path / "r.json.runs.jsonl"


def test_a_fingerprint_hangs_on_everything_that_changes_a_result() -> None:
    mine = inputs()
    prints = {
        each.fingerprint()
        for each in (
            mine,
            inputs(trace(seed=2)),
            inputs(again=True),
            replace(mine, conditions=Conditions(staleness_s=1.0)),
            replace(mine, settings={"x": 1.0}),
            replace(mine, shares={"m": 1.0}),
        )
    }
    assert len(prints) == 6
    assert mine.fingerprint() == inputs().fingerprint()


def test_a_seed_is_drawn_once_for_all_its_points() -> None:
    drawn: list[int] = []

    class Traffic:
        name, varies = "counted", ""

        def drawn(self, seed: int) -> Arrivals:
            drawn.append(seed)
            return trace()

    bench = Bench(replace(inputs(), traffic=Traffic()), simulate)
    for seed in (0, 1):
        for point in (RANDOM, LEAST):
            bench.run(Unit(point=point, seed=seed))
    assert drawn == [0, 1]
