"""Scaling policies on histories made by hand."""

from dataclasses import replace

import pytest

from policies.registry import BadSetting, UnknownName
from policies.scale.by_hour import ByHour
from policies.scale.scaling import SCALES, PoolState, scaling
from policies.scale.target_load import TargetLoad

QUIET = PoolState(
    pool="a", at=0.0, ready=0, starting=0, draining=0, most=10, running=0.0, waiting=0.0, held=0.0, slots=100,
    kv_share=0.0, arrived=0,
)  # fmt: skip


def wanted(policy: TargetLoad | ByHour, *states: PoolState) -> int:
    history = [{state.pool: state} for state in states]
    return policy.wanted(history, states[-1].at).replicas["a"]


def test_every_scaling_policy_keeps_a_quiet_pool_within_what_there_is() -> None:
    for policy in SCALES:
        assert 0 <= policy().wanted([{"a": QUIET}], 0.0).replicas.get("a", 0) <= 10


def test_policies_are_found_by_name_and_unknown_names_are_errors() -> None:
    assert scaling("target_load", {"target": 0.5}) == TargetLoad(target=0.5)
    with pytest.raises(UnknownName, match="target_load"):
        scaling("target_lod")
    with pytest.raises(BadSetting, match="no setting 'targt'"):
        scaling("target_load", {"targt": 0.5})


def test_a_quiet_pool_keeps_the_least() -> None:
    assert wanted(TargetLoad(least=2), QUIET) == 2


def test_replicas_are_asked_for_until_the_load_of_each_is_the_target() -> None:
    busy = replace(QUIET, ready=2, running=150.0, waiting=60.0, held=30.0)
    assert wanted(TargetLoad(target=0.6), busy) == 4


def test_no_more_are_asked_for_than_there_can_be() -> None:
    assert wanted(TargetLoad(), replace(QUIET, ready=2, waiting=1e5)) == 10


def test_those_that_start_count_as_there() -> None:
    assert wanted(TargetLoad(target=0.6), replace(QUIET, ready=1, starting=3, running=240.0)) == 4


def test_a_load_near_the_target_changes_nothing() -> None:
    assert wanted(TargetLoad(target=0.6, tolerance=0.1), replace(QUIET, ready=4, running=255.0)) == 4


def test_replicas_go_only_when_nobody_has_wanted_them_for_a_while() -> None:
    busy, calm = replace(QUIET, ready=5, running=300.0), replace(QUIET, at=100.0, ready=5, running=60.0)
    assert wanted(TargetLoad(down_s=300.0), busy, calm) == 5
    assert wanted(TargetLoad(down_s=300.0), busy, replace(calm, at=400.0)) == 1


def test_an_hour_has_its_replicas_and_those_of_the_next_are_asked_for_ahead() -> None:
    plan = ByHour(replicas=(1, 5, 2), ahead_s=100.0)
    at = [wanted(plan, replace(QUIET, at=time)) for time in (0.0, 3499.0, 3500.0, 7199.0, 7200.0, 10_800.0)]
    assert at == [1, 1, 5, 5, 2, 1]


def test_a_pool_may_have_hours_of_its_own() -> None:
    plan = ByHour(replicas=(1,), pools=(("a", (7,)),))
    assert plan.wanted([{"a": QUIET, "b": replace(QUIET, pool="b")}], 0.0).replicas == {"a": 7, "b": 1}
