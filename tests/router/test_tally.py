"""What is counted of requests for a scaling policy, and when an answer is late."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decision import Outcome, Queue, Shed
from router.core import Core, Placement
from router.order import Order
from router.settings import Settings
from router.tally import Tally, lateness
from tests.router.routers import core_of, described

PROMISED = (2.0, 0.1)


def answered(first_s: float, tpot_s: float = 0.05, tokens: int = 11, waited_s: float = 0.0) -> Outcome:
    """An answer whose first token came so long after it was sent, which was so long after it came."""
    e2e_s = waited_s + first_s + tpot_s * max(tokens - 1, 1)
    return Outcome(True, first_s, tpot_s, e2e_s, 100, tokens, 0)


def broken(status: int, e2e_s: float, tokens: int = 0) -> Outcome:
    return Outcome(False, e2e_s, 0.0, e2e_s, 0, tokens, -1, status=status)


def late(outcome: Outcome, *, streams: bool = True, begun: bool = True) -> int:
    return lateness(outcome, PROMISED, streams=streams, begun=begun)


class TestLateness:
    def test_a_stream_that_keeps_both_deadlines_is_in_time(self) -> None:
        assert late(answered(1.9, 0.09)) == 0

    @pytest.mark.parametrize("outcome", [answered(2.1), answered(0.1, 0.11), answered(0.5, waited_s=1.6)])
    def test_one_that_misses_either_is_late_and_waiting_here_counts(self, outcome: Outcome) -> None:
        assert late(outcome) == 1

    def test_an_answer_of_one_token_has_no_time_between_tokens(self) -> None:
        assert late(answered(1.0, 0.9, tokens=1)) == 0

    def test_an_answer_that_comes_as_a_whole_is_late_after_one_that_kept_both_would_have_ended(self) -> None:
        assert late(answered(2.9, 0.0, tokens=11), streams=False) == 0
        assert late(answered(3.1, 0.0, tokens=11), streams=False) == 1

    def test_a_client_that_gives_up_before_the_first_token_was_due_says_nothing(self) -> None:
        assert late(broken(499, 1.0), begun=False) == -1
        assert late(broken(499, 2.5), begun=False) == 1
        assert late(broken(499, 9.0), begun=True) == -1

    def test_what_a_caller_reports_without_the_whole_time_is_judged_by_its_parts(self) -> None:
        assert late(Outcome(True, 1.0, 0.05, 0.0, 10, 5, -1)) == 0
        assert late(Outcome(True, 3.0, 0.05, 0.0, 10, 5, -1)) == 1

    @given(st.floats(0.0, 10.0), st.floats(0.0, 1.0), st.integers(1, 500), st.floats(0.0, 10.0))
    def test_slower_is_never_less_late(self, first_s: float, tpot_s: float, tokens: int, more_s: float) -> None:
        for streams in (True, False):
            fast, slow = answered(first_s, tpot_s, tokens), answered(first_s + more_s, tpot_s, tokens)
            assert late(fast, streams=streams) <= late(slow, streams=streams)


class TestTally:
    def test_an_attempt_that_failed_is_no_answer(self) -> None:
        tally = Tally()
        tally.ended("p", "mixed", broken(502, 1.0), -1)
        assert not tally.pools

    def test_one_that_nobody_saw_has_as_many_tokens_as_was_expected_and_is_not_judged(self) -> None:
        tally = Tally()
        tally.ended("p", "mixed", answered(1.0, tokens=0), -1, 40.2)
        counts = tally.pools["p", "mixed"]
        assert (counts.ended, counts.output_tokens, counts.judged) == (1, 40, 0)

    @given(st.lists(st.sampled_from([-1, 0, 1])))
    def test_the_late_are_of_the_judged_and_the_judged_of_the_ended(self, said: list[int]) -> None:
        tally = Tally()
        for one in said:
            tally.ended("p", "mixed", answered(1.0), one)
        for counts in tally.pools.values():
            assert counts.late == said.count(1) <= counts.judged <= counts.ended == len(said)


def placed(core: Core, name: str = "a", slo: str = "", at: float = 0.0) -> Placement:
    order = Order(name, "m", b"x" * 400, stream=True, slo=slo)
    found = core.place(order, at)
    assert not isinstance(found, Queue | Shed)
    return found


class TestCore:
    def core(self, *roles: str) -> Core:
        settings = Settings(policy="least_loaded", tokens="estimate", ttft_slo_s=2.0, tpot_slo_s=0.1,
                            slo_classes=(("gold", 0.5, 0.0, 1),))  # fmt: skip
        return core_of(settings, *[described(f"r{i}", f"h:{i}", role=role) for i, role in enumerate(roles)])

    def test_a_request_is_counted_where_it_is_sent_and_judged_by_its_class(self) -> None:
        core = self.core("mixed")
        for slo in ("", "gold"):
            core.end(placed(core, slo or "none", slo), answered(1.0))
        counts = core.tally.pools["p", "mixed"]
        assert (counts.arrived, counts.ended, counts.judged, counts.late) == (2, 2, 2, 1)
        assert counts.output_tokens == 22
        assert counts.prompt_tokens > 100

    def test_what_was_handed_over_ends_where_it_was_decoded(self) -> None:
        core = self.core("prefill", "decode")
        placement = placed(core)
        assert placement.replica.role == "prefill"
        core.hand_over(placement, 1)
        core.end(placement, answered(1.0))
        assert core.tally.pools["p", "prefill"].arrived == 1
        assert core.tally.pools["p", "prefill"].ended == 0
        assert core.tally.pools["p", "decode"].ended == 1

    def test_a_reply_that_was_not_shown_is_not_judged(self) -> None:
        core = self.core("mixed")
        core.end(placed(core), answered(9.0, tokens=0), seen=False)
        counts = core.tally.pools["p", "mixed"]
        assert (counts.ended, counts.judged) == (1, 0)
        assert counts.output_tokens > 0

    def test_deadlines_are_those_of_the_time_of_the_end(self) -> None:
        core = self.core("mixed")
        placement = placed(core)
        core.direct(replace(core.settings, ttft_slo_s=0.9))
        core.end(placement, answered(1.0))
        assert core.tally.pools["p", "mixed"].late == 1
