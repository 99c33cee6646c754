"""What routers say they counted: added up once, however often it is said and whoever begins anew."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.routed import FORGOTTEN_S, FRESH_S, SILENT_S, Counts, Routed
from weir.v1 import fleet_pb2

KEY = ("chat", "mixed")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(router: str = "a", age_s: float = 1.0, arrived: int = 0, late: int = 0, **held: int) -> fleet_pb2.Demand:
    pools = [fleet_pb2.PoolDemand(pool="chat", role="mixed", arrived=arrived, ended=arrived, judged=arrived, late=late)]
    return fleet_pb2.Demand(router=router, age_s=age_s, pools=pools, held=held)


def heard(*words: fleet_pb2.Demand) -> Routed:
    routed = Routed(clock=Clock())
    for each in words:
        routed.hear(each)
    return routed


def arrived(routed: Routed) -> int:
    return routed.totals[KEY].arrived if KEY in routed.totals else 0


class TestTotals:
    def test_a_router_that_has_just_begun_has_counted_nothing_that_was_counted_before(self) -> None:
        assert arrived(heard(told(age_s=1.0, arrived=7))) == 7

    def test_of_one_that_was_there_before_this_pool_service_only_what_is_new_counts(self) -> None:
        assert arrived(heard(told(age_s=900.0, arrived=70_000))) == 0
        assert arrived(heard(told(age_s=900.0, arrived=70_000), told(age_s=901.0, arrived=70_012))) == 12

    def test_a_pool_that_is_new_to_a_known_router_counts_from_its_first_request(self) -> None:
        routed = heard(told(age_s=900.0))
        more = told(age_s=901.0)
        more.pools.add(pool="code", role="decode", arrived=3)
        routed.hear(more)
        assert routed.totals["code", "decode"].arrived == 3

    def test_a_word_that_is_lost_is_in_the_next_one(self) -> None:
        assert arrived(heard(told(age_s=1.0, arrived=1), told(age_s=9.0, arrived=40))) == 40

    def test_a_word_that_comes_twice_or_too_late_adds_nothing(self) -> None:
        old, new = told(age_s=1.0, arrived=5, m=9), told(age_s=2.0, arrived=8, m=1)
        routed = heard(old, new, new, old)
        assert (arrived(routed), routed.held()) == (8, {"m": 1})

    def test_routers_add_up_and_one_that_begins_anew_begins_at_nothing(self) -> None:
        words = [told("a", 50.0, 100), told("b", 1.0, 5), told("a", 51.0, 110), told("a-again", 1.0, 2)]
        assert arrived(heard(*words)) == 5 + 10 + 2

    @given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.data())
    def test_whatever_is_lost_repeated_or_overtaken_the_total_is_the_last_word_heard(
        self, steps: list[int], data: st.DataObject
    ) -> None:
        words, total = [], 0
        for i, step in enumerate(steps):
            total += step
            words.append(told(age_s=1.0 + 0.1 * i, arrived=total, late=total // 3))
        sent = data.draw(st.lists(st.sampled_from(range(len(words))), min_size=1, max_size=40))
        routed, seen = Routed(clock=Clock()), list[int]()
        for i in sent:
            routed.hear(words[i])
            seen.append(arrived(routed))
        assert seen == sorted(seen), "nothing is ever taken away"
        assert arrived(routed) == words[max(sent)].pools[0].arrived
        assert routed.totals[KEY].late == words[max(sent)].pools[0].late


class TestSilence:
    def test_nobody_waits_at_a_router_that_is_silent(self) -> None:
        routed = heard(told(arrived=3, m=4), told("b", m=2, n=1))
        assert routed.held() == {"m": 6, "n": 1}
        assert routed.routers() == 2
        routed.clock.now += SILENT_S - 0.1  # type: ignore[attr-defined]
        routed.hear(told("b", 5.0, m=2))
        routed.clock.now += 0.1  # type: ignore[attr-defined]
        assert (routed.held(), routed.routers()) == ({"m": 2}, 1)
        assert arrived(routed) == 3, "what came is not taken back"

    def test_one_that_was_cut_off_for_a_while_is_counted_whole_when_it_is_back(self) -> None:
        routed = heard(told(age_s=1.0, arrived=10))
        routed.clock.now += FORGOTTEN_S - 1.0  # type: ignore[attr-defined]
        routed.hear(told(age_s=FORGOTTEN_S, arrived=50))
        assert arrived(routed) == 50

    def test_one_that_comes_back_after_long_brings_no_burst_and_is_never_counted_twice(self) -> None:
        routed = heard(told(age_s=1.0, arrived=10))
        routed.clock.now += FORGOTTEN_S  # type: ignore[attr-defined]
        assert FORGOTTEN_S > FRESH_S, "so it cannot seem to have just begun"
        routed.hear(told(age_s=1.0 + FORGOTTEN_S, arrived=5000))
        routed.hear(told(age_s=2.0 + FORGOTTEN_S, arrived=5003))
        assert arrived(routed) == 13

    def test_more_routers_than_there_can_be_are_not_kept_until_others_are_forgotten(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pool.routed.MOST_ROUTERS", 3)
        routed = heard(*[told(str(i), arrived=1) for i in range(5)])
        assert arrived(routed) == 3
        routed.clock.now += FORGOTTEN_S  # type: ignore[attr-defined]
        routed.hear(told("4", arrived=1))
        assert (arrived(routed), routed.routers()) == (4, 1)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_difference_is_never_negative(before: int, after: int) -> None:
    made = Counts(arrived=after, late=after).since(Counts(arrived=before, late=before))
    assert asdict(made) | {"arrived": 0, "late": 0} == asdict(Counts())
    assert made.arrived == made.late == max(after - before, 0)
