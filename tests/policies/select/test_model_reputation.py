"""Verdicts by model and domain, and how models fail."""

import numpy as np
import pytest

from policies.select.failure_memory import FailureMemory, Seen
from policies.select.model_reputation import ModelReputation
from policies.select.objective import Objective
from policies.select.port import Context, Feedback, Option
from policies.signals.reading import Reading

PAIR = (Option("a", "p", 0.001), Option("b", "p", 0.001))
NAN = float("nan")


def asked(domain: str) -> Context:
    return Context("r", np.zeros(1), {"domain": Reading(0.9, domain)})


def verdicts(model: str, domain: str, good: int, bad: int) -> list[Feedback]:
    told = [1.0] * good + [0.0] * bad
    return [Feedback(asked(domain), model, "p", 1.0, quality, 0.001, float(i)) for i, quality in enumerate(told)]


def test_a_model_that_errs_in_medicine_is_left_there_and_kept_for_code() -> None:
    told = [*verdicts("a", "medicine", 88, 12), *verdicts("b", "medicine", 98, 2)]
    told += [*verdicts("a", "code", 98, 2), *verdicts("b", "code", 80, 20)]
    known = ModelReputation().learn(told)
    assert known.choose(asked("medicine"), PAIR).option == 1
    assert known.choose(asked("code"), PAIR).option == 0


def test_a_domain_with_few_verdicts_leans_on_the_models_record() -> None:
    known = ModelReputation().learn([*verdicts("a", "code", 90, 10), *verdicts("a", "law", 0, 1)])
    assert 0.8 < known.quality("a", "law") < known.quality("a", "code")


def test_old_verdicts_leave_the_window_so_that_drift_shows() -> None:
    known = ModelReputation(window=50.0).learn(verdicts("a", "code", 1000, 0)).learn(verdicts("a", "code", 0, 100))
    assert known.quality("a", "code") < 0.3


def test_caution_prefers_the_surer_of_two_equals() -> None:
    told = [*verdicts("a", "code", 9, 1), *verdicts("b", "code", 900, 100)]
    cautious = ModelReputation(caution=1.0, lean=2.0).learn(told)
    assert cautious.quality("b", "code") > cautious.quality("a", "code")


def test_feedback_that_nobody_judged_teaches_nothing() -> None:
    unjudged = [each._replace(quality=NAN) for each in verdicts("a", "code", 3, 3)]
    assert ModelReputation().learn(unjudged) == ModelReputation()


def test_an_unknown_model_is_neither_good_nor_bad() -> None:
    assert ModelReputation().quality("new", "code") == pytest.approx(0.5)


def seen(model: str, kind: str, bad: int, good: int) -> list[Seen]:
    return [*[Seen(model, "code", kind)] * bad, *[Seen(model, "code", "")] * good]


def test_equally_frequent_failures_differ_by_what_they_cost() -> None:
    memory = FailureMemory(cost={"refusal": 0.1}, objective=Objective(worth_usd=0.01))
    known = memory.saw([*seen("a", "tool", 20, 80), *seen("b", "refusal", 20, 80)])
    assert known.choose(asked("code"), PAIR).option == 1


def test_a_model_that_turns_bad_is_told_by_three_sigmas_and_judged_by_its_latest() -> None:
    memory = FailureMemory(window=100.0).saw(seen("a", "judged", 50, 950))
    assert not memory.drifts("a", "code")
    worse = memory.saw(seen("a", "judged", 60, 40))
    assert worse.drifts("a", "code")
    assert worse.rate("a", "code", "judged") > 0.25


def test_a_hand_over_that_lengthens_the_session_costs_its_turns() -> None:
    memory = FailureMemory(handoff={("b", "a"): 20.0}, objective=Objective(worth_usd=0.01))
    known = memory.saw([*seen("a", "judged", 1, 99), *seen("b", "judged", 40, 60)])
    assert known.choose(asked("code"), PAIR).option == 0
    assert known.choose(asked("code")._replace(last_model="b"), PAIR).option == 1


def test_a_kind_of_failure_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="'slow' is not known; known: provider"):
        FailureMemory().saw([Seen("a", "code", "slow")])
