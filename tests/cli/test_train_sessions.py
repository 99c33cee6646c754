"""`weir train sessions`: from the simulator and from records; what it makes beats any one model and says so."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cli.session_logs import models_of, sessions
from cli.train_sessions import SIMULATED, policy_of
from policies.select.session_values import Action
from router.learn.session_head import load
from sims.task_sessions import Behaviour, Sessions, by_policy
from tests.cli.session_records import WORLD, behave, record, written
from tests.cli.weir_command import Weir

TRIED = 600


def completed_and_usd(world: Sessions, behaviour: Behaviour) -> tuple[float, float]:
    """The share of fresh sessions that are completed, and dollars a session."""
    log = world.log(behaviour, TRIED, 77)
    done = [one[-1].reward > world.value_usd / 2.0 for one in log]
    earned = [sum(step.reward for step in one) for one in log]
    return float(np.mean(done)), float(
        np.mean([world.value_usd * ok - usd for ok, usd in zip(done, earned, strict=True)])
    )


def always(model: int) -> Behaviour:
    return lambda state, chance: Action(model, False)


def learned(folder: Path) -> Behaviour:
    head = load(folder)
    return by_policy(policy_of(head.values, head.models), SIMULATED)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the head that the simulator teaches."""
    from typer.testing import CliRunner

    from cli.main import app

    folder = tmp_path_factory.mktemp("heads")
    done = CliRunner().invoke(app, ["train", "sessions", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert "always large" in done.output
    return folder


def test_what_the_simulator_teaches_completes_more_than_any_one_model_for_its_money(simulated: Path) -> None:
    """O1's claim: the same reward, completion over cost, is higher than the best fixed model's."""
    done, usd = completed_and_usd(WORLD, learned(simulated))
    fixed = [completed_and_usd(WORLD, always(model)) for model in (0, 1)]
    assert done > max(share for share, _ in fixed) + 0.2
    assert WORLD.value_usd * done - usd > max(WORLD.value_usd * share - cost for share, cost in fixed) + 0.01
    dear_done, dear_usd = fixed[1]
    assert done / usd > dear_done / dear_usd


def test_its_card_says_what_it_was_trained_on_and_how_it_does(simulated: Path) -> None:
    head = load(simulated)
    card = (simulated / "sessions" / head.version / "card.md").read_text()
    assert f"version {head.version}" in card
    assert "from the simulator" in card
    for name in ("learned", "always small", "always large", "what wrote the log"):
        assert f"| {name} |" in card
    assert head.card["earned_usd"]["learned"]["low"] > head.card["earned_usd"]["always large"]["high"]


def test_a_routers_records_teach_it_as_well(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, 500)
    done = weir("train", "sessions", "--data", path, "--out", tmp_path / "heads")
    assert done.exit_code == 0, done.output
    assert "500 sessions of decisions.jsonl" in done.output
    head = load(tmp_path / "heads")
    assert head.models == ("large", "small")
    behaviour = by_policy(policy_of(head.values, head.models), SIMULATED)
    share, usd = completed_and_usd(WORLD, behaviour)
    other, cost = completed_and_usd(WORLD, behave)
    assert WORLD.value_usd * share - usd > WORLD.value_usd * other - cost
    assert {"what was logged", "learned, doubly robust", "learned, direct"} == set(head.card["earned_usd"])


def test_a_session_is_worth_what_its_last_verdict_says_and_costs_its_bills(tmp_path: Path) -> None:
    (one, *_), left_out = sessions(written(tmp_path, 30))
    assert left_out == 0
    steps = one.steps(SIMULATED, WORLD.value_usd)
    assert [step.then for step in steps[:-1]] == [step.state for step in steps[1:]]
    truth = WORLD.log(behave, 30, 0)[0]
    assert [step.action for step in steps] == [step.action for step in truth]
    assert [step.reward for step in steps] == pytest.approx([step.reward for step in truth])
    assert [step.state for step in steps] == [step.state for step in truth]


def test_sessions_that_nobody_judged_are_left_out_unless_it_is_said_what_they_come_to(
    weir: Weir, tmp_path: Path
) -> None:
    path = written(tmp_path, 30, judged=False)
    assert sessions(path) == ([], 30)
    assert {one.quality for one in sessions(path, 0.0)[0]} == {0.0}
    done = weir("train", "sessions", "--data", path, "--out", tmp_path)
    assert done.exit_code == 2
    assert "0 judged sessions of 30, and 20 are needed" in done.output
    assert weir("train", "sessions", "--data", path, "--out", tmp_path, "--unjudged", "0").exit_code == 0


def changed(path: Path, change: Callable[[dict[str, object]], None]) -> Path:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        if "choice" in row:
            change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_cascades_legs_are_paid_for_once(tmp_path: Path) -> None:
    legs = [{"cost_usd": 0.002}, {"cost_usd": 0.003}]

    def cascaded(act: str, row: dict[str, object]) -> None:
        choice = row["choice"]
        assert isinstance(choice, dict)
        choice |= {"billed_usd": 0.01, "cascade": {"act": act, "legs": legs}}

    for act, usd in (("keep", 0.005), ("escalate", 0.015)):
        (one, *_), _ = sessions(changed(written(tmp_path, 20), partial(cascaded, act)))
        assert [turn.usd for turn in one.turns] == pytest.approx([usd] * len(one.turns))


def test_sessions_that_no_learner_chose_for_teach_too_but_say_nothing_of_other_policies(
    weir: Weir, tmp_path: Path
) -> None:
    def unchosen(row: dict[str, object]) -> None:
        choice = row["choice"]
        assert isinstance(choice, dict)
        for name in ("options", "chosen", "propensity"):
            del choice[name]

    path = changed(written(tmp_path, 40), unchosen)
    assert models_of(sessions(path)[0]) == ("large", "small")
    assert weir("train", "sessions", "--data", path, "--out", tmp_path).exit_code == 0
    head = load(tmp_path)
    assert list(head.card["earned_usd"]) == ["what was logged"]
    assert "no learner" in head.card["how"]
    done = weir("evaluate", path, "--policy", "session_q", "--by", "session")
    assert done.exit_code == 2
    assert "had its model chosen by no learner" in done.output


def test_records_without_sessions_are_told_so(weir: Weir, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    row = record(0, 0, WORLD.log(behave, 1, 0)[0][0])
    path.write_text(json.dumps(row | {"request": {"model": "auto"}}) + "\n")
    done = weir("train", "sessions", "--data", path)
    assert done.exit_code == 2
    assert "x-weir-session" in done.output


def test_what_is_about_sessions_goes_with_sessions_alone(weir: Weir, tmp_path: Path) -> None:
    done = weir("train", "feedback", "--worth", "1", "--out", tmp_path)
    assert done.exit_code == 2
    assert "weir train sessions" in done.output


def test_a_policy_is_judged_by_session_from_records(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, 700)
    found = {}
    for policy in ("session_q", "always:small", "always:large"):
        done = weir("evaluate", path, "--policy", policy, "--by", "session", "--value", "0.1", "--json", "-")
        assert done.exit_code == 0, done.output
        found[policy] = json.loads(done.stdout)
    truth = {name: completed_and_usd(WORLD, always(at)) for at, name in enumerate(("always:small", "always:large"))}
    for name, (share, usd) in truth.items():
        direct = found[name]["estimates"]["direct"]["value"]
        assert direct == pytest.approx(WORLD.value_usd * share - usd, abs=0.012), name
    best = max(found, key=lambda name: found[name]["estimates"]["direct"]["value"])
    assert best == "session_q"
    assert found["session_q"]["decisions"] == found["session_q"]["learned_from"] == 350
    said = weir("evaluate", path, "--policy", "session_q", "--by", "session", "--value", "0.1").output
    assert "a session (95 % interval" in said
    assert "350 sessions" in said


def test_whole_sessions_are_not_judged_by_request(weir: Weir, tmp_path: Path) -> None:
    path = written(tmp_path, 60)
    for words, said in ((("--by", "turn"), "request or session"), ((), "--by session")):
        done = weir("evaluate", path, "--policy", "session_q", *words)
        assert done.exit_code == 2
        assert said in done.output
