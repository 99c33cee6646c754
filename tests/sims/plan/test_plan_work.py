"""Seconds of a replica that a request asks for: what the programme adds up."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.plan.asked import Asked, Deadline, SloClass
from sims.plan.work import STRIPS, Work, work_of
from tests.sims.plan.plans import BOTH, TPOT, asked, kinds, offer, traffic


def work(request: Asked, rate: float = 40.0, prompt: int = 1000, output: int = 200) -> Work:
    """Work of some traffic."""
    return work_of(kinds(request), traffic(rate=rate, prompt=prompt, output=output).analytic, request)


def test_slices_hold_all_requests_once() -> None:
    given_ = work(asked(), rate=40.0)
    assert given_.rates.sum() == pytest.approx(traffic(rate=40.0).analytic.rate)
    assert 1 < len(given_.slices) <= len(STRIPS)


def test_slices_go_from_short_to_long() -> None:
    edges = [one.longest for one in work(asked()).slices]
    assert edges == sorted(edges)
    assert edges[-1] == float(traffic().arrivals.prompt_tokens.max())


def test_longer_prompts_cost_more() -> None:
    seconds = work(asked("h100-sxm"), output=50).seconds[0]
    assert seconds[-1] > seconds[0]


def test_longer_answers_cost_more() -> None:
    short, long = work(asked(), output=50), work(asked(), output=800)
    assert long.alone(0) > short.alone(0)


def test_a_slower_gpu_is_kept_busy_longer() -> None:
    given_ = work(asked("h100-sxm", "a100-80", "l40s"))
    assert given_.alone(0) < given_.alone(1) < given_.alone(2)


def test_two_gpus_do_more_than_one_and_less_than_twice_as_much_for_small_models() -> None:
    given_ = work(asked(offers=(offer("h100-sxm", sizes=(1, 2)),)))
    assert 0.5 < given_.alone(1) / given_.alone(0) < 1.0


def test_a_cached_prefix_saves_work() -> None:
    request = asked()
    cold = traffic(prompt=6000).analytic
    warm = replace(cold, cached=0.9 * cold.prompts)
    assert work_of(kinds(request), warm, request).alone(0) < work_of(kinds(request), cold, request).alone(0)


def test_a_tighter_deadline_for_tokens_leaves_smaller_batches_and_costs_more() -> None:
    loose, tight = (
        asked(classes=(SloClass(tpot=Deadline(seconds=seconds, percentile=90.0)),)) for seconds in (0.2, 0.012)
    )
    assert work(tight).alone(0) > work(loose).alone(0)


def test_what_does_not_fit_costs_endlessly() -> None:
    given_ = work(asked("l4"), prompt=40_000)
    assert given_.seconds[0][-1] == inf
    assert given_.alone(0) == inf


def test_nothing_is_late_on_a_gpu_that_is_fast_enough() -> None:
    assert work(asked()).late.sum() == 0.0


def test_late_requests_are_counted_on_the_kind_that_is_too_slow() -> None:
    tight = SloClass(ttft=Deadline(seconds=0.25, percentile=90.0))
    given_ = work(asked("h100-sxm", "l4", classes=(tight,)), prompt=2000)
    assert given_.late[1].sum() > given_.late[0].sum()
    assert (given_.late <= given_.rates + 1e-9).all()


def test_as_many_may_be_late_as_the_strictest_percentile_lets() -> None:
    strict = SloClass(ttft=Deadline(seconds=1.0, percentile=90.0), tpot=Deadline(seconds=0.1, percentile=99.0))
    given_ = work(asked(classes=(strict,)))
    assert given_.allowed == pytest.approx(0.01 * given_.rates.sum())


def test_every_class_has_slices_and_lateness_of_its_own() -> None:
    short = SloClass(name="short", most_prompt=800.0, tpot=TPOT)
    given_ = work(asked(classes=(short, BOTH)))
    owners = {one.owner.name for one in given_.slices}
    assert owners == {"short", "all"}
    assert all(one.longest <= 800.0 for one in given_.slices if one.owner is short)


def test_a_class_nobody_belongs_to_has_no_slice() -> None:
    nobody = SloClass(name="tiny", most_prompt=1.0, tpot=TPOT)
    assert {one.owner.name for one in work(asked(classes=(nobody, BOTH))).slices} == {"all"}


@settings(max_examples=20, deadline=None)
@given(prompt=st.integers(10, 8000), output=st.integers(2, 1000), rate=st.floats(0.5, 500.0))
def test_work_is_finite_positive_and_proportional_to_the_rate(prompt: int, output: int, rate: float) -> None:
    given_ = work(asked(), rate=rate, prompt=prompt, output=output)
    assert np.isfinite(given_.seconds).all()
    assert (given_.seconds > 0.0).all()
    assert given_.at_rate(3.0).alone(0) == pytest.approx(3.0 * given_.alone(0))
