"""A learner in a router: chosen at once, judged late, once, by its own tenant."""

import json

import numpy as np
import pytest

from policies.select.awaiting import Awaiting, Unsettled
from policies.select.epsilon_greedy import EpsilonGreedy
from policies.select.exploring import Explorer
from policies.select.port import Context, Option
from policies.select.purse import Purse
from policies.signals.reading import UNKNOWN, Reading
from router import learning
from router.learning import Learning

OPTIONS = [Option("small", "a", 0.001), Option("large", "b", 0.004)]


def asked(i: int = 0, tenant: str = "acme") -> Context:
    told = {"domain": Reading(0.9, "law"), "late": UNKNOWN}
    return Context(f"request-{i}", np.array([0.5]), told, tenant=tenant)


def begun(epsilon: float = 0.0, start_usd: float = 1.0) -> Learning:
    learner = EpsilonGreedy(epsilon=epsilon, purse=Purse(start_usd=start_usd))
    return Learning(learner, Awaiting(keep_s=100.0))


def explorer(of: Learning) -> Explorer:
    assert isinstance(of.learner, Explorer)
    return of.learner


def test_a_verdict_is_learned_at_the_next_tick_and_not_before() -> None:
    of = begun()
    of.choose("d1", asked(), OPTIONS, 0.0)
    assert of.judged("d1", 0.0) is None
    assert explorer(of).beliefs.names == ()
    assert of.tick(1.0)
    assert explorer(of).beliefs.names == ("small@a",)
    assert not of.tick(2.0)


def test_bad_answers_move_later_requests_elsewhere() -> None:
    of = begun()
    for i in range(30):
        option, _ = of.choose(f"d{i}", asked(i), OPTIONS, float(i))
        of.judged(f"d{i}", 0.9 if option.model == "large" else 0.0)
        of.tick(float(i))
    assert of.choose("last", asked(99), OPTIONS, 99.0)[0].model == "large"


def test_a_verdict_counts_once_and_for_its_own_tenant() -> None:
    of = begun()
    of.choose("d1", asked(), OPTIONS, 0.0)
    assert of.judged("d1", 1.0, "other") is Unsettled.FOREIGN
    assert of.judged("d1", 1.0, "acme") is None
    assert of.judged("d1", 1.0, "acme") is Unsettled.REPLAYED
    assert of.judged("never", 1.0) is Unsettled.UNKNOWN
    assert of.judged("never", float("nan")) is Unsettled.UNKNOWN


def test_a_bill_replaces_what_was_predicted_of_an_exploring_request() -> None:
    of = begun(epsilon=1.0)
    names = [f"d{i}" for i in range(40)]
    records = [of.choose(name, asked(i), OPTIONS, 0.0)[1] for i, name in enumerate(names)]
    explored = [name for name, told in zip(names, records, strict=True) if told["why"] == "exploring"]
    assert explorer(of).purse.explored_usd == pytest.approx(0.004 * len(explored))
    for name in explored:
        of.billed(name, 0.006)
        of.judged(name, 1.0)
    of.tick(1.0)
    assert explorer(of).purse.explored_usd == pytest.approx(0.006 * len(explored))


def test_what_nobody_judges_expires_without_a_lesson() -> None:
    of = begun()
    of.choose("d1", asked(), OPTIONS, 0.0)
    of.billed("d1", 0.002)
    assert of.tick(101.0)
    assert explorer(of).beliefs.names == ()
    assert of.judged("d1", 1.0) is Unsettled.UNKNOWN


def test_a_flood_of_verdicts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_WAITING", 2)
    of = begun()
    for i in range(5):
        of.choose(f"d{i}", asked(i), OPTIONS, 0.0)
        of.judged(f"d{i}", 1.0)
    assert of.dropped == 3


def test_of_a_choice_that_did_not_come_about_nothing_is_kept() -> None:
    of = Learning(EpsilonGreedy(), Awaiting(keep_s=100.0), beside=EpsilonGreedy())
    for i in range(3):
        of.choose(f"request-{i}", asked(i), OPTIONS, 0.0, beside=True)
        of.billed(f"request-{i}", 0.1)
        of.forget(f"request-{i}")
    assert (of._tried, of._bills, len(of.awaiting)) == (set(), {}, 0)


def test_choices_that_were_crowded_out_are_forgotten_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "SPARE_BILLS", 0)
    of = Learning(EpsilonGreedy(), Awaiting(most=2, keep_s=100.0), beside=EpsilonGreedy())
    for i in range(5):
        of.choose(f"request-{i}", asked(i), OPTIONS, 0.0, beside=True)
        of.billed(f"request-{i}", 0.1)
    of.tick(1.0)
    assert of._tried == set(of._bills) == {"request-3", "request-4"}


def test_the_record_is_what_weir_evaluate_reads() -> None:
    option, told = begun().choose("d1", asked(), OPTIONS, 0.0)
    again = json.loads(json.dumps(told))
    assert again["decision"] == "d1"
    assert again["options"][again["chosen"]]["model"] == option.model
    assert 0.0 < again["propensity"] <= 1.0
    assert again["readings"] == {"domain": {"value": 0.9, "label": "law"}, "late": {"value": None, "label": ""}}
    assert [Option(**each) for each in again["options"]] == OPTIONS
