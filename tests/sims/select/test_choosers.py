"""Who chooses models in a simulation, and what comes of it."""

import numpy as np
import pytest

from policies.policy import routing
from policies.registry import UnknownName
from policies.select.rules.build import ruleset
from sims.arrivals import Arrivals
from sims.engine.conditions import Conditions
from sims.engine.run import Run
from sims.engine.simulate import simulate
from sims.select.choosers import BANDITS, named
from sims.select.judging import Judging
from tests.sims.select.scenes import LARGE, SMALL, arrivals, fleet, judging

MODELS = (SMALL, LARGE)
CROWD_S = 0.002


def run(name: str, made: Judging, sent: Arrivals | None = None, small: int = 1, large: int = 1) -> tuple[Run, float]:
    """A run under a chooser, and the mean quality of its answers."""
    sent = sent if sent is not None else arrivals()
    asked = made.questions.asked(sent, 0)
    answers = made.answers(name, sent, asked)
    found = simulate(sent, fleet(small, large), routing("shortest_ttft", {}), Conditions(), answers=answers)
    return found, float(made.quality(found, asked).mean())


def share_of_large(found: Run) -> float:
    return float(np.mean([found.replicas[row].model == LARGE for row in found.replica]))


def test_one_model_for_all_gets_all() -> None:
    small, quality = run(f"only:{SMALL}", judging())
    assert share_of_large(small) == 0.0
    assert 0.3 < quality < 0.7
    large, quality = run(f"only:{LARGE}", judging())
    assert share_of_large(large) == 1.0
    assert quality == 1.0


def test_each_question_goes_to_the_cheapest_model_that_knows_it() -> None:
    sent = arrivals(40, topics=["law", "physics"] * 20)
    found, quality = run("blind", judging(), sent)
    assert quality == 1.0
    assert share_of_large(found) == 0.5
    models = [found.replicas[row].model for row in found.replica]
    assert models == [SMALL, LARGE] * 20


def test_what_is_worth_nothing_goes_to_the_cheapest_model() -> None:
    assert share_of_large(run("blind", judging(worth=0.0))[0]) == 0.0


def test_a_worth_in_the_name_goes_before_the_settings() -> None:
    assert share_of_large(run("blind@0", judging())[0]) == 0.0
    assert share_of_large(run("blind@0.5", judging(worth=0.0))[0]) == pytest.approx(0.5, abs=0.2)


def test_the_blind_send_the_same_to_a_full_model_and_the_aware_turn_to_the_idle_one() -> None:
    crowd = arrivals(2000, CROWD_S)
    blind, _ = run("blind", judging(worth=0.0012), crowd, small=4)
    aware, _ = run("aware", judging(worth=0.0012), crowd, small=4)
    assert share_of_large(aware) < share_of_large(blind)
    assert np.quantile(aware.ttft_s, 0.9) < np.quantile(blind.ttft_s, 0.9)


def test_without_surge_the_aware_choose_as_the_blind_do() -> None:
    crowd = arrivals(400, CROWD_S)
    blind, aware = (run(name, judging(surge=0.0), crowd)[0] for name in ("blind", "aware"))
    assert blind.replica.tolist() == aware.replica.tolist()


@pytest.mark.parametrize("name", BANDITS)
def test_a_bandit_learns_from_answers_that_have_ended_whom_to_ask(name: str) -> None:
    sent = arrivals(600, 0.2, topics=["law", "physics"] * 300)
    found, quality = run(name, judging(worth=0.001), sent)
    assert quality > 0.7
    assert np.isfinite(found.end).all()


def test_rules_go_by_the_topic() -> None:
    rules = ruleset(
        {
            "conditions": {"about_law": {"signal": "domain", "is": ["law"]}},
            "rules": [{"name": "law", "when": "about_law", "then": {"models": [SMALL]}}],
            "fallback": {"models": [LARGE]},
        }
    )
    sent = arrivals(40, topics=["law", "physics"] * 20)
    found, quality = run("rules", judging(rules=rules), sent)
    assert quality == 1.0
    assert share_of_large(found) == 0.5


def test_rules_that_name_no_model_of_the_fleet_are_an_error() -> None:
    rules = ruleset({"conditions": {}, "rules": [], "fallback": {"models": ["another"]}})
    with pytest.raises(ValueError, match=r"send a request of topic .* to no model"):
        run("rules", judging(rules=rules))


def test_a_session_remembers_who_served_it() -> None:
    sent = arrivals(20, session=np.repeat(np.arange(10, dtype=np.int32), 2))
    found, quality = run("aware", judging(), sent)
    assert np.isfinite(found.end).all()
    assert quality == 1.0


def test_an_unknown_chooser_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=f"no chooser 'awake': did you mean 'aware'.*only:{SMALL}"):
        named("awake", MODELS)
    with pytest.raises(UnknownName, match="no chooser 'rules'"):
        named("rules", MODELS)
    with pytest.raises(UnknownName, match=r"write blind@0\.01"):
        named("blind@cheap", MODELS)
    assert named("rules", MODELS, rules=True) == "rules"
