"""Groups of prompts with common beginnings, and stages of rates."""

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.registry import BadSetting
from sims.workloads.shared_prefix import SharedPrefix

LLMD = ((15, 50), (3, 20), (10, 20), (15, 20), (20, 38), (35, 21), (40, 38), (60, 25))


def test_a_group_shares_its_system_prompt_and_nobody_elses() -> None:
    stream = list(islice(SharedPrefix(groups=3, prompts_per_group=2, system_tokens=64).arrivals(1), 6))
    heads = [a.blocks[:4] for a in stream]
    assert len(set(heads)) == 3
    assert all(heads.count(head) == 2 for head in heads)
    assert len({a.blocks[4:] for a in stream}) == 6


def test_every_prompt_comes_once_before_the_first_comes_again() -> None:
    stream = list(islice(SharedPrefix().arrivals(1), 1500))
    first, again = ([a.blocks for a in part] for part in (stream[:750], stream[750:]))
    assert len(set(first)) == 750
    assert first == again


def test_the_benchmarks_resident_set_is_its_published_size() -> None:
    stream = SharedPrefix().columns(1, count=750)
    assert stream.distinct_blocks * 16 == 150 * (6000 + 5 * 1200)
    assert set(stream.prompt_tokens.tolist()) == {7200}
    assert set(stream.output_tokens.tolist()) == {1000}


def test_a_block_across_the_seam_belongs_to_one_prompt() -> None:
    stream = list(islice(SharedPrefix(groups=1, prompts_per_group=4, system_tokens=40).arrivals(1), 4))
    assert {a.blocks[:2] for a in stream} == {(0, 1)}
    assert len({a.blocks[2] for a in stream}) == 4


def test_stages_send_whole_numbers_of_requests_and_drain() -> None:
    workload = SharedPrefix(stages=LLMD, drain_s=500.0)
    stages = workload.staged(3)
    stream = workload.columns(3, count=10**6)
    assert [s.last - s.first for s in stages] == [int(rate * seconds) for rate, seconds in LLMD]
    assert len(stream) == stages[-1].last
    for before, after in pairwise(stages):
        assert after.start_s == before.end_s + 500.0
        assert stream.at[after.first] > before.end_s + 500.0
    for (rate, seconds), stage in zip(LLMD, stages, strict=True):
        assert stream.at[stage.last - 1] <= stage.end_s
        assert stage.end_s - stage.start_s >= seconds
        assert stage.rate_rps == rate


def test_each_stage_begins_at_the_head_of_the_list_unless_it_goes_on() -> None:
    stages = ((10.0, 7.0), (10.0, 7.0))
    anew = list(SharedPrefix(stages=stages).arrivals(2))
    on = list(SharedPrefix(stages=stages, anew=False).arrivals(2))
    assert [a.blocks for a in anew[:70]] == [a.blocks for a in anew[70:]]
    assert [a.blocks for a in on[70:]] != [a.blocks for a in anew[70:]]
    assert [a.blocks for a in on[:70]] == [a.blocks for a in anew[:70]]


def test_a_stages_times_are_poisson_at_its_rate() -> None:
    workload = SharedPrefix(stages=((50.0, 200.0),))
    gaps = np.diff(workload.columns(4, count=10**6).at)
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.05)


@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 70), st.integers(1, 40), st.integers(1, 32), st.integers(0, 9)
)
def test_blocks_cover_every_prompt(groups: int, each: int, system: int, question: int, size: int, seed: int) -> None:
    workload = SharedPrefix(
        groups=groups, prompts_per_group=each, system_tokens=system, question_tokens=float(question),
        question_std=5.0, block_tokens=size,
    )  # fmt: skip
    for a in islice(workload.arrivals(seed), groups * each):
        assert len(a.blocks) == -(-a.prompt_tokens // size)
        assert a.prompt_tokens > system


@pytest.mark.parametrize(
    "settings",
    [
        {"groups": 0},
        {"stages": ((0.0, 5.0),)},
        {"stages": ((0.1, 5.0),)},
        {"stages": ((1.0, 2.0, 3.0),)},
        {"drain_s": -1.0},
        {"question_std": -1.0},
        {"block_tokens": 0},
        {"rate_rps": 0.0},
        {"family": "pareto"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        SharedPrefix(**settings)  # type: ignore[arg-type]
