"""Estimates beside the truth, on answers made up here."""

import json

import numpy as np
import pytest

from bench.ope.__main__ import drawn, figures, judged, verdict
from bench.ope.policies import MODELS, logging_odds, split, targets
from policies.evaluate.logged import Estimate
from tests.bench.test_online_claim import answers


def test_no_question_is_both_learned_from_and_logged() -> None:
    of = answers(600)
    learned_on, asked = split(of)
    one, other = ({tuple(row) for row in part.vectors.tolist()} for part in (learned_on, asked))
    assert not one & other
    assert np.isfinite(asked.right).all()


def test_models_that_were_not_asked_everything_are_left_out() -> None:
    learned_on, asked = split(answers(600))
    assert asked.models == ("first", "second")
    assert len(asked.models) <= MODELS
    assert learned_on.models == asked.models


def test_odds_are_distributions_and_the_log_tries_everything() -> None:
    learned_on, asked = split(answers(400))
    logging = logging_odds(learned_on, asked)
    assert logging.sum(axis=1) == pytest.approx(np.ones(len(asked.right)))
    assert logging.min() >= 0.1
    for target in targets(learned_on, asked).values():
        assert target.sum(axis=1) == pytest.approx(np.ones(len(asked.right)))


def test_answers_are_drawn_with_the_odds_that_are_told() -> None:
    _, asked = split(answers(600))
    logging = np.tile([0.8, 0.2], (len(asked.right), 1))
    log = drawn(asked, logging, logging, np.random.default_rng(0))
    assert (log.action == 0).mean() == pytest.approx(0.8, abs=0.06)
    assert set(log.propensity.tolist()) == {0.8, 0.2}


def test_a_policy_is_judged_near_its_truth() -> None:
    _, asked = split(answers(900))
    logging, target = np.full((len(asked.right), 2), 0.5), np.tile([0.0, 1.0], (len(asked.right), 1))
    found = judged(asked, logging, target, 40)
    assert found["truth"] == pytest.approx(0.7, abs=0.05)
    assert found["dr"]["error_points"] < 4.0
    assert found["dr"]["coverage"] >= 0.85


def test_errors_are_in_points_and_coverage_is_a_share() -> None:
    found = verdict([Estimate(0.51, 0.4, 0.6, 10.0, 0.0), Estimate(0.55, 0.54, 0.56, 10.0, 0.0)], 0.5)
    assert found["error_points"] == pytest.approx(3.0)
    assert found["bias_points"] == pytest.approx(3.0)
    assert (found["coverage"], found["within_2_points"]) == (0.5, 0.5)


def test_the_figures_are_those_of_the_worst_policy() -> None:
    found = figures(answers(300), 3)
    each = [value["dr"]["error_points"] for value in found.values() if isinstance(value, dict)]
    assert found["error_points"] == max(each)
    json.dumps(found)
