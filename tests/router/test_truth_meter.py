"""Predicted beside reported: a replica whose events do not say what its engine has counts as approximate."""

import math
from typing import Any

import pytest
from prometheus_client import generate_latest

from policies.decision import Outcome
from router.complaints import EVERY_S, Complaints
from router.core import Placement
from router.exposition import Exposition
from router.order import Order
from router.record import Recorder
from tests.router.test_guesses import IDS, STORED, event, exact

ENOUGH = 16  # requests that a judgement needs


class Served:
    """One replica behind a core, on fake time; complaints are kept."""

    def __init__(self, n: int = 1) -> None:
        self.core, self.now, self.said = exact(n), 0.0, list[str]()
        self.core.complaints = Complaints(self.said.append)

    def ask(self, reported: float | None = None, times: int = 1, ids: list[int] = IDS) -> Placement:
        """So many requests a second apart, each answered; nothing reported: what was known."""
        return [self.once(reported, ids) for _ in range(times)][-1]

    def once(self, reported: float | None, ids: list[int]) -> Placement:
        self.now += 1.0
        placed = self.core.place(Order(f"q{self.now}", "m", b"", tokens=list(ids)), self.now)
        assert isinstance(placed, Placement)
        told = int(placed.known_tokens if reported is None else reported)
        self.core.end(placed, Outcome(True, 0.1, 0.01, 0.2, len(ids), 1, told))
        return placed

    def knowledge(self) -> str:
        return self.core.held.knowledge(0)

    def page(self) -> str:
        shown = Exposition()
        shown.told(0, self.core.metrics.snapshot())
        return generate_latest(shown.registry).decode()


@pytest.fixture
def served() -> Served:
    one = Served()
    event(one.core, STORED, "r0", IDS[:1600])
    return one


def test_a_replica_that_has_what_its_events_say_stays_exact(served: Served) -> None:
    assert served.ask(times=60).known_tokens == 1600.0
    assert served.knowledge() == "exact"
    assert not served.said


def test_a_replica_that_has_not_drops_to_approximate_and_says_why(served: Served) -> None:
    served.ask(0, ENOUGH - 1)
    assert served.knowledge() == "exact"
    served.ask(0)
    assert (served.knowledge(), served.core.held.reason(0)) == ("approximate", "mispredicted")
    assert served.core.held.known()["approximate"] == 1
    assert len(served.said) == 1
    assert "r0" in served.said[0]


def test_a_mispredicted_replica_is_believed_to_hold_what_it_was_sent_and_its_events_go_on_in_the_shadow(
    served: Served,
) -> None:
    served.ask(0, ENOUGH)
    other = [100_000 + i for i in range(801)]
    assert served.ask(0, ids=other).cached_tokens == 0.0
    assert served.ask(0, ids=other).cached_tokens == 800.0
    assert served.ask(0, ids=IDS[:1601]).known_tokens == 1600.0


def test_it_comes_back_when_its_events_agree_for_as_long(served: Served) -> None:
    served.ask(0, ENOUGH)
    served.ask(times=ENOUGH - 1)
    assert served.knowledge() == "approximate"
    served.ask()
    assert (served.knowledge(), served.core.held.reason(0)) == ("exact", "")
    assert served.ask().cached_tokens == 1600.0
    assert len(served.said) == 2


def test_a_replica_that_agrees_now_and_then_does_not_oscillate(served: Served) -> None:
    turns = 0
    for i in range(400):
        before = served.knowledge()
        served.ask(None if i % 3 == 0 else 0)
        turns += served.knowledge() != before
    assert turns == 1


def test_a_report_within_what_was_on_its_way_is_no_error() -> None:
    served = Served()
    served.ask(0)
    for reported in (0, 2000, 4000):
        served.now -= 1.0
        served.ask(reported)
    assert served.core.held.truths[0].error == 0.0


@pytest.mark.parametrize("reported", [10_000, -2, -1000])
def test_an_engine_that_lies_is_counted_and_named_and_changes_nothing(served: Served, reported: int) -> None:
    served.ask(reported, 100)
    assert served.knowledge() == "exact"
    assert served.core.held.truths[0].lies == 100
    assert len(served.said) == math.ceil(100 / EVERY_S)
    assert "not believed" in served.said[0]
    assert 'weir_replica_cached_tokens_impossible_total{replica="r0"} 100.0' in served.page()


def test_an_engine_that_says_nothing_is_not_judged(served: Served) -> None:
    served.ask(-1, 100)
    assert 0 not in served.core.held.truths


def test_failed_requests_and_other_replicas_of_the_row_are_not_judged(served: Served) -> None:
    served.now += 1.0
    placed = served.core.place(Order("q", "m", b"", tokens=list(IDS)), served.now)
    assert isinstance(placed, Placement)
    served.core.leave("r0")
    served.core.end(placed, Outcome(True, 0.1, 0.0, 0.2, len(IDS), 1, 0))
    assert not served.core.held.truths


def test_predicted_and_reported_stand_beside_each_other_in_the_metrics(served: Served) -> None:
    served.ask(1000, 2)
    page = served.page()
    for line in (
        'weir_replica_cached_tokens_predicted_total{replica="r0"} 3200.0',
        'weir_replica_cached_tokens_reported_total{replica="r0"} 2000.0',
        'weir_replica_cached_tokens_error_total{replica="r0"} 1200.0', 'weir_replica_mispredicted{replica="r0"} 0.0',
    ):  # fmt: skip
        assert line in page
    served.ask(0, ENOUGH)
    assert 'weir_replica_mispredicted{replica="r0"} 1.0' in served.page()


def test_two_workers_counts_add_up_and_a_dead_ones_doubts_go(served: Served) -> None:
    served.ask(0, ENOUGH)
    shown = Exposition()
    for worker in (0, 1):
        shown.told(worker, served.core.metrics.snapshot())
    assert 'weir_replica_mispredicted{replica="r0"} 2.0' in generate_latest(shown.registry).decode()


def test_a_record_tells_what_is_known_and_what_is_guessed(tmp_path: Any) -> None:
    served = Served(4)
    served.core.recorder = Recorder(tmp_path / "d")
    first = served.ask(0)
    event(served.core, STORED, first.replica.name, IDS[:1600])
    second = served.ask(1600)
    record: Any = second.record
    assert record["cached"] == {"known_tokens": 1600.0, "speculative_tokens": 2400.0}
    assert (record["knowledge"], record["knowledge_reason"], record["request"]["compared_as"]) == (
        "exact",
        "",
        "tokens",
    )
    served.core.recorder.close()


def test_complaints_of_one_kind_are_told_once_a_minute_and_counted() -> None:
    said: list[str] = []
    complaints = Complaints(said.append)
    for now in range(120):
        complaints.say("a", "a is wrong", float(now))
    complaints.say("b", "b is wrong", 0.0)
    assert said == ["a is wrong", "a is wrong (59 more since this was last said)", "b is wrong"]
