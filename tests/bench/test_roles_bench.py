"""The roles claim: its traffic, its oracle, its counts and its verdict, on traffic drawn here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.roles.__main__ import DATA, main
from bench.roles.contest import Outcome, Played, Side, by_kind, named, reversals
from bench.roles.live import Acted
from bench.roles.report import best, figures, met, table, target
from bench.roles.sides import MIXED, Foreknowing, fixed, fleet, good, switched
from bench.roles.traffic import FOLDER, PHASE_S, phases, recorded, tenants, together
from policies.scale.roles import Roles
from policies.scale.splits import Split
from sims.arrivals import Arrivals
from sims.engine.run import SERVED


def hour(prompt: int, output: int, count: int = 3000, seed: int = 0) -> Arrivals:
    draws = np.random.default_rng(seed)
    at = np.sort(draws.uniform(0.0, 3600.0, count))
    return Arrivals.drawn(at, draws.integers(1, 2 * prompt, count), draws.integers(1, 2 * output, count))


TRACES = {"code": hour(2000, 28), "conv": hour(1100, 210, seed=1)}


def outcome(policy: int = 98, oracle: int = 100, fixed_one: int = 90, lost: int = 0) -> Outcome:
    sides = {
        "fixed_5p3d": Side(good=fixed_one, lost=0),
        "fixed_mixed": Side(good=fixed_one - 1, lost=0),
        "min_load_4p4d": Side(good=fixed_one - 20, lost=0),
        "oracle": Side(good=oracle, lost=0, switches=3),
        "policy": Side(good=policy, lost=lost, switches=5, reversals=1),
    }
    shares = {name: {"code": 0.9, "conv": 0.8} for name in sides}
    return Outcome(requests=110, span_s=10.0, sides=sides, plan=[("code", Split(7, 1, 0))], by_kind=shares)


def test_tenants_bring_the_rate_and_lengths_of_the_recording() -> None:
    drawn = tenants(TRACES["code"], 20.0, PHASE_S, [0])
    assert drawn.rate_rps == pytest.approx(20.0, rel=0.05)
    assert drawn.prompt_tokens.mean() == pytest.approx(TRACES["code"].prompt_tokens.mean(), rel=0.05)
    assert (np.diff(drawn.at) >= 0.0).all()
    assert 0.0 <= drawn.at[0] <= drawn.at[-1] < PHASE_S


def test_a_recording_shorter_than_a_phase_goes_round() -> None:
    short = replace(TRACES["conv"], at=TRACES["conv"].at / 6.0)
    assert tenants(short, 7.0, PHASE_S, [3]).rate_rps == pytest.approx(7.0, rel=0.1)


def test_a_seed_is_its_traffic_and_another_seed_other_traffic() -> None:
    one, same, other = (tenants(TRACES["code"], 5.0, 600.0, [seed]).at for seed in (1, 1, 2))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_kinds_take_turns_and_make_one_stream() -> None:
    parts = phases(TRACES, {"code": 2.0, "conv": 3.0}, seed=0, count=4)
    assert [part.kind for part in parts] == ["code", "conv", "code", "conv"]
    stream = together(parts)
    assert len(stream) == sum(len(part.arrivals) for part in parts)
    assert (np.diff(stream.at) >= 0.0).all()
    assert stream.at[-1] < 4 * PHASE_S


def test_a_fleet_has_a_pool_a_role() -> None:
    made = fleet(Split(5, 2, 1))
    assert [one.role for one in made] == ["prefill"] * 5 + ["decode"] * 2 + ["mixed"]
    assert all(one.pool == one.role for one in made)


def test_an_oracle_switches_when_a_phase_begins_and_the_policy_soon_after() -> None:
    rates = {"code": 30.0, "conv": 40.0}
    parts = [
        replace(part, start=60.0 * i, arrivals=part.arrivals.chosen(part.arrivals.at < 60.0))
        for i, part in enumerate(phases(TRACES, rates, seed=0, count=2))
    ]
    stream = together(parts)
    plan = ((0.0, Split(7, 1, 0)), (60.0, Split(5, 3, 0)))
    run, noted = switched(stream, MIXED, Foreknowing(plan=plan, drains=False))
    assert (run.state == SERVED).all()
    assert [split for _, split in noted.splits] == [MIXED, Split(7, 1, 0), Split(5, 3, 0)]
    assert noted.splits[-1][0] == 65.0
    followed, _ = switched(stream, MIXED, Roles(ttft_s=1.0, tpot_s=0.05))
    assert (followed.state == SERVED).all()
    assert good(followed).mean() > good(fixed(stream, Split(7, 1, 0))).mean()


def test_a_split_that_is_come_back_to_within_a_phase_is_a_reversal() -> None:
    a, b, c = Split(7, 1, 0), Split(6, 2, 0), Split(5, 3, 0)
    assert reversals([(0.0, a), (10.0, b), (20.0, c)], [0.0, 100.0]) == 0
    assert reversals([(0.0, a), (10.0, b), (20.0, a)], [0.0, 100.0]) == 1
    assert reversals([(0.0, a), (10.0, b), (120.0, a), (130.0, b)], [0.0, 100.0]) == 0
    assert reversals([(0.0, a), (110.0, b), (120.0, a), (130.0, b)], [0.0, 100.0]) == 1


def test_a_side_is_all_its_phases() -> None:
    runs = [Played(kept=np.array([True, False, True]), lost=1), Played(kept=np.array([True]), lost=0)]
    assert Side.of(runs, switches=2) == Side(good=3, lost=1, switches=2)
    assert by_kind(["code", "conv"], runs) == {"code": pytest.approx(2 / 3), "conv": 1.0}
    assert [len(part.kept) for part in runs[0].divided([1, 2])] == [1, 2]


def test_the_claim_is_met_only_near_the_oracle_above_the_fixed_ones_and_with_nobody_lost() -> None:
    assert met([outcome(), outcome()])
    assert not met([outcome(policy=94)])
    assert not met([outcome(policy=96, fixed_one=97)])
    assert met([outcome(policy=96, fixed_one=101)])  # the oracle is below the fixed one, too
    assert not met([outcome(lost=1)])


def test_figures_name_the_best_fixed_fleet_and_have_every_target() -> None:
    flat = figures([outcome(), outcome(policy=97)]) | Acted().figures()
    assert best([outcome()], "fixed_") == flat["best_fixed"] == "fixed_5p3d"
    assert flat["policy_over_oracle"] == pytest.approx(0.975)
    assert flat["policy_reversals_a_seed"] == 1.0
    assert set(target()) <= set(flat)


def test_the_table_has_a_row_a_side_the_best_first() -> None:
    rows = table([outcome(), outcome()]).splitlines()
    assert len(rows) == 2 + 5
    assert rows[2].startswith("| oracle | 10.00")
    assert named(MIXED) == "mixed"


def test_a_folder_without_the_recordings_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("sys.argv", ["roles", "--data", str(tmp_path)])
    assert main() == 2
    assert "has no code*.csv*" in capsys.readouterr().err


def test_both_recordings_are_read() -> None:
    if not (DATA / FOLDER).is_dir():
        pytest.skip("no traces at ../shared/data")
    found = recorded(DATA)
    assert set(found) == {"code", "conv"}
    assert all(len(trace) > 1000 for trace in found.values())
