"""`weir adapt` over records whose truth is known: what is tried, kept, taken back and held, and that all is told."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.request import coin
from tests.cli.test_evaluate_command import GOOD, USD, record, written
from tests.cli.weir_command import Weir
from weir.rulesfile import rules_of

RULES: dict[str, Any] = {
    "fallback": {"models": ["small", "large"]},
    "learn": {"policy": "epsilon_greedy", "settings": {"epsilon": 0.5}},
}
CANARY = {"policy": "thompson", "share": 0.05, "least": 40, "gain": 0.01}
ON_TIME = {"request": {"model": "auto", "tenant": "t", "ttft_deadline_s": 1.0, "tpot_deadline_s": 0.1}}


def rules(folder: Path, **learn: Any) -> str:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({**RULES, "learn": {**RULES["learn"], **learn}}))
    return str(path)


def chosen_by(i: int, policy: str, quality: float) -> dict[str, Any]:
    """A choice of one of two policies, and what it came to."""
    row = record(i)
    row["choice"]["policy"] = policy
    row["outcome"]["quality"] = quality
    return row


def adapt(weir: Weir, rules_file: str, log: str, *more: str) -> list[dict[str, Any]]:
    done = weir("adapt", rules_file, "--records", log, "--json", "-", *more)
    assert done.exit_code == 0, done.output
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


def steps(told: list[dict[str, Any]]) -> list[str]:
    return [each["step"] for each in told]


@pytest.fixture
def log(tmp_path: Path) -> str:
    """An even coin between two models, of which the large one is better and worth its price."""
    return written(tmp_path, [record(i) for i in range(1500)])


def test_answers_that_are_bad_have_another_policy_tried_on_a_few_sessions_after_the_logs_agree(
    weir: Weir, log: str, tmp_path: Path
) -> None:
    journal, out = tmp_path / "journal.jsonl", tmp_path / "new.yaml"
    told = adapt(weir, rules(tmp_path), log, "--journal", str(journal), "--write", str(out))
    assert steps(told)[:3] == ["monitored", "analysed", "checked"]
    assert told[1]["symptoms"] == ["bad-answer"]
    checked = next(each for each in told if each["step"] == "checked")
    assert checked["knob"] == "model"
    assert checked["passed"]
    learn = yaml.safe_load(out.read_text())["learn"]
    assert learn["policy"] == "epsilon_greedy"
    assert learn["canary"]["policy"] in ("thompson", "linucb", "ucb")
    rules_of(out.read_text(), "new.yaml")
    assert [json.loads(line) for line in journal.read_text().splitlines()] == told


def test_what_the_logs_do_not_agree_to_is_not_tried(weir: Weir, tmp_path: Path) -> None:
    """Both models are as bad as each other: there is nothing to gain."""
    rows = [record(i) for i in range(1500)]
    for row in rows:
        row["outcome"]["quality"] = float(coin(row["id"], 9) < 0.2)
        row["choice"]["options"] = [{"model": name, "pool": "a", "usd": 0.001} for name in GOOD]
        row["outcome"]["cost_usd"] = 0.001
    told = adapt(weir, rules(tmp_path), written(tmp_path, rows), "--write", str(tmp_path / "new.yaml"))
    assert [each["passed"] for each in told if each["step"] == "checked"] == [False]
    assert "canary" not in steps(told)
    assert ("held", "model") in [(each["step"], each.get("knob")) for each in told]
    assert ("recommended", "cascade") in [(each["step"], each.get("knob")) for each in told]
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize(("better", "step"), [(0.9, "promoted"), (0.1, "rolled-back")])
def test_a_canary_is_kept_or_taken_back_by_what_came_of_it(
    weir: Weir, tmp_path: Path, better: float, step: str
) -> None:
    new, old = "thompson", "epsilon_greedy-"
    from policies.select.learners import label

    old = label(RULES["learn"])
    rows = [
        chosen_by(i, new if i % 10 == 0 else old, float(coin(f"{i}", 7) < (better if i % 10 == 0 else 0.6)))
        for i in range(4000)
    ]
    out, journal = tmp_path / "new.yaml", tmp_path / "journal.jsonl"
    given = rules(tmp_path, canary=CANARY)
    told = adapt(weir, given, written(tmp_path, rows), "--write", str(out), "--journal", str(journal))
    assert told[0]["step"] == step
    learn = yaml.safe_load(out.read_text())["learn"]
    assert "canary" not in learn
    assert learn["policy"] == ("thompson" if step == "promoted" else "epsilon_greedy")
    assert learn["settings"] == ({} if step == "promoted" else {"epsilon": 0.5})
    again = adapt(weir, str(out), written(tmp_path, rows), "--journal", str(journal))
    if step == "rolled-back":
        assert any(each["step"] == "held" and "rests" in each["said"] for each in again)


def test_while_a_canary_runs_what_it_moves_is_held_and_other_knobs_are_told(weir: Weir, tmp_path: Path) -> None:
    rows = [record(i, **ON_TIME) for i in range(600)]
    for row in rows:
        row["outcome"] |= {"ttft_s": 3.0, "tpot_s": 0.01}
        row["choice"]["policy"] = "somebody"
    told = adapt(weir, rules(tmp_path, canary=CANARY), written(tmp_path, rows))
    assert told[0]["step"] == "canary"
    held = {each["knob"]: each["said"] for each in told if each["step"] == "held"}
    assert "the canary of model runs" in held["surge"]
    assert "replicas" in {each["knob"] for each in told if each["step"] == "recommended"}
    assert "check it first" in next(each["said"] for each in told if each["step"] == "recommended")


def test_a_fleet_in_which_nothing_is_wrong_is_left_alone(weir: Weir, tmp_path: Path) -> None:
    rows = [record(i, **ON_TIME) for i in range(600)]
    for row in rows:
        row["outcome"] |= {"quality": 1.0, "ttft_s": 0.1, "tpot_s": 0.01}
    told = adapt(weir, rules(tmp_path), written(tmp_path, rows))
    assert steps(told) == ["monitored", "analysed"]
    assert told[1]["said"] == "nothing is surely beyond its limit"


def test_verdicts_that_came_later_count(weir: Weir, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [record(i) for i in range(300)]
    for row in rows:
        del row["outcome"]["quality"]
    said = [{"feedback": f"d-{i}", "rating": 0.0} for i in range(300)]
    told = adapt(weir, rules(tmp_path), written(tmp_path, [*rows, *said]))
    assert told[0]["counts"]["bad-answer"] == [300, 300]


def test_too_few_judged_choices_tell_nothing(weir: Weir, tmp_path: Path) -> None:
    rows = [record(i) for i in range(150)]
    for row in rows:
        row["outcome"]["quality"] = 0.0
    told = adapt(weir, rules(tmp_path), written(tmp_path, rows))
    assert any("150 judged choices are too few" in each["said"] for each in told)


def test_what_cannot_be_adapted_is_told_in_a_sentence(weir: Weir, log: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text("fallback: {models: [small]}\n")
    done = weir("adapt", str(bare), "--records", log)
    assert (done.exit_code, "no section `learn`" in done.output) == (2, True)
    broken = tmp_path / "journal.jsonl"
    broken.write_text('{"at": "yesterday", "step": "canary"}\n')
    done = weir("adapt", rules(tmp_path), "--records", log, "--journal", str(broken))
    assert (done.exit_code, "journal.jsonl:1: no line of a journal" in done.output) == (2, True)


def test_people_are_told_the_same_and_that_nothing_was_written(weir: Weir, log: str, tmp_path: Path) -> None:
    done = weir("adapt", rules(tmp_path), "--records", log)
    assert done.exit_code == 0
    assert "analysed: bad-answer" in done.output
    assert "Nothing is written: give --write FILE" in done.output
    assert USD  # the large model costs four times the small one, and is worth it
