"""One run pool by pool, and the pools over time."""

import numpy as np
import pytest

from sims.engine.run import SHED
from sims.measure.pools import by_pool, pool_numbers
from sims.measure.timeline import timeline
from sims.measure.window import measured
from tests.sims.measure.runs import ended_badly, replicas, run, samples


def test_pools_are_told_in_order_of_the_fleet() -> None:
    names, of = pool_numbers(replicas())
    assert names == ["left", "right"]
    assert of.tolist() == [0, 1, 1]


def test_each_pool_has_its_own_figures() -> None:
    served = run(9)
    left, right = by_pool(served, measured(served, 0.0))
    assert (left.completed, right.completed) == (3, 6)
    assert [left.share, right.share] == pytest.approx([1 / 3, 2 / 3])
    assert (left.replicas, right.replicas, left.gpus, right.gpus) == (1, 2, 1, 4)
    assert [left.utilisation, right.utilisation] == pytest.approx([0.5, 0.15])
    assert (left.energy_joules, right.energy_joules) == (100.0, 20.0)
    assert right.gpu_hours == pytest.approx(40.0 / 3600.0)


def test_pools_together_are_the_whole() -> None:
    served = run(10)
    pools = by_pool(served, measured(served, 0.0))
    assert sum(pool.cost_usd for pool in pools) == pytest.approx(served.cost_usd)
    assert sum(pool.gpu_hours for pool in pools) == pytest.approx(served.gpu_hours)


def test_who_was_shed_belongs_to_no_pool() -> None:
    some = ended_badly(run(9), SHED, 0)
    left, right = by_pool(some, measured(some, 0.0))
    assert (left.completed, right.completed) == (2, 6)


def test_a_run_without_samples_has_no_timeline() -> None:
    assert timeline(run()) is None


def test_a_timeline_sums_over_the_pool_and_takes_the_ready_ones_memory() -> None:
    found = timeline(run(samples=samples(3)))
    assert found is not None
    left, right = found.pools
    assert found.at_s == (0.0, 1.0, 2.0)
    assert left.waiting == (0.0, 2.0, 4.0)
    assert right.running == (0.0, 2.0, 4.0)
    assert right.ready == (1.0, 1.0, 1.0)
    fits = replicas()[1].perf.kv_tokens
    assert right.kv_share[2] == pytest.approx(4000 / fits, abs=1e-6)


def test_a_long_timeline_is_thinned() -> None:
    found = timeline(run(samples=samples(1000)), most=240)
    assert found is not None
    assert len(found.at_s) <= 240
    assert np.diff(found.at_s).min() == np.diff(found.at_s).max() == 5.0
    left = found.pools[0]
    assert left.waiting[:2] == (8.0, 18.0)  # the most of five
    assert left.running[:2] == (2.0, 7.0)  # their mean
