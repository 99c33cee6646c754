"""Knobs, what they cure and how they move each other; what is surely wrong; what is turned next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.adapt.analysis import LIMITS, Case, Count, counted, symptoms
from policies.adapt.knobs import KNOBS, OFF_POLICY, Failure, coupled, coupled_with, cures, knob
from policies.adapt.planning import plan
from policies.registry import UnknownName

NAMES = [each.name for each in KNOBS]


def wrong(**shares: float) -> dict[Failure, Count]:
    """Of a thousand each so many went wrong."""
    told = {Failure[name.upper()]: Count(known=1000, wrong=round(1000 * share)) for name, share in shares.items()}
    return {failure: told.get(failure, Count()) for failure in Failure}


class TestKnobs:
    def test_every_failure_has_a_cure_and_every_knob_cures_something(self) -> None:
        assert all(cures(failure) for failure in Failure)
        assert all(each.cures for each in KNOBS)

    def test_couplings_name_knobs_and_hold_both_ways(self) -> None:
        for each in KNOBS:
            for other in each.moves:
                assert coupled(each.name, other)
                assert coupled(other, each.name)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("model", "boundary"), ("boundary", "gamma"), ("gamma", "replicas"), ("boundary", "cascade"),
            ("model", "budget"), ("budget", "tools"), ("retention", "routing"),
        ],
    )  # fmt: skip
    def test_the_papers_couplings_are_respected(self, one: str, other: str) -> None:
        assert coupled_with(one, [other]) == [other]

    def test_a_name_that_is_no_knob_is_named(self) -> None:
        with pytest.raises(UnknownName, match="did you mean 'model'"):
            knob("modle")

    def test_what_can_be_checked_from_logs_is_tried_first(self) -> None:
        checks = [each.check == OFF_POLICY for each in KNOBS]
        assert checks == sorted(checks, reverse=True)


class TestAnalysing:
    def test_what_is_known_of_each_failure_is_counted(self) -> None:
        cases = [Case(wrong={Failure.BAD: True, Failure.FAILED: False}), Case(wrong={Failure.FAILED: False})]
        counts = counted(cases)
        assert counts[Failure.BAD] == Count(known=1, wrong=1)
        assert counts[Failure.FAILED] == Count(known=2, wrong=0)
        assert counts[Failure.COLD] == Count()

    def test_the_worst_comes_first_and_what_may_be_is_no_symptom(self) -> None:
        found = symptoms(wrong(late_first=0.03, bad=0.9, failed=0.005))
        assert [each.failure for each in found] == [Failure.BAD, Failure.LATE_FIRST]
        assert found == sorted(found, key=lambda each: -each.severity)

    def test_a_few_are_no_symptom_however_bad(self) -> None:
        few = {failure: Count(known=3, wrong=1) for failure in Failure}
        assert Failure.BAD not in [each.failure for each in symptoms(few)]
        assert symptoms({failure: Count() for failure in Failure}) == []

    @given(known=st.integers(1, 10_000), share=st.floats(0.0, 1.0))
    def test_what_is_surely_wrong_is_never_more_than_what_was_seen(self, known: int, share: float) -> None:
        count = Count(known=known, wrong=round(known * share))
        assert 0.0 <= count.least() <= count.share + 1e-12
        more = Count(known=10 * known, wrong=10 * count.wrong)
        assert more.least() >= count.least() - 1e-12


class TestPlanning:
    def test_one_knob_a_symptom_is_turned_the_first_that_is_free(self) -> None:
        (step,) = plan(symptoms(wrong(bad=0.6)))
        assert (step.knob.name, step.turn) == ("model", True)
        assert step.why == "60.0% bad-answer of 1000, where 30% may be"

    def test_a_knob_beside_a_running_canary_is_held_and_one_that_moves_nothing_is_turned(self) -> None:
        steps = {step.knob.name: step for step in plan(symptoms(wrong(late_first=0.2, cold=0.9)), tried=["model"])}
        assert not steps["surge"].turn
        assert "the canary of model runs" in steps["surge"].why
        assert steps["replicas"].turn
        assert steps["routing"].turn

    def test_what_was_found_wanting_gives_way_to_the_next(self) -> None:
        steps = plan(symptoms(wrong(bad=0.6)), out={"model": "nothing is surely better"})
        assert [(step.knob.name, step.turn) for step in steps] == [("model", False), ("cascade", True)]
        assert steps[0].why == "nothing is surely better"

    def test_nothing_wrong_turns_nothing(self) -> None:
        assert plan(symptoms(wrong(failed=0.0, bad=0.1))) == []

    @given(
        shares=st.dictionaries(st.sampled_from([each.name.lower() for each in Failure]), st.floats(0.0, 1.0)),
        tried=st.sets(st.sampled_from(NAMES), max_size=3), out=st.sets(st.sampled_from(NAMES), max_size=3),
    )  # fmt: skip
    def test_no_two_that_move_each_other_are_ever_turned_at_once(
        self, shares: dict[str, float], tried: set[str], out: set[str]
    ) -> None:
        steps = plan(symptoms(wrong(**shares)), tried, dict.fromkeys(out, "no"))
        turned = [step.knob.name for step in steps if step.turn]
        assert not set(turned) & (tried | out)
        assert len(set(turned)) == len(turned)
        for name in turned:
            assert not coupled_with(name, [*turned, *tried])
        assert all(step.why for step in steps)

    def test_limits_are_there_for_every_failure(self) -> None:
        assert LIMITS.keys() == set(Failure)
