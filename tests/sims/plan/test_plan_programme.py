"""The mixed-integer programme: the cheapest counts that carry the traffic within the limits."""

import builtins
import sys
from dataclasses import replace
from itertools import product
from math import inf
from typing import Any

import numpy as np
import pytest

from sims.plan.asked import Asked, Deadline, Limits, NoPlan, SloClass
from sims.plan.programme import broken, hourly, mix, most_of, scipy_or_say, utilisation
from sims.plan.work import Work, work_of
from tests.sims.plan.plans import asked, kinds, offer, traffic


def work(request: Asked, rate: float = 40.0, prompt: int = 1000) -> Work:
    """Work of some traffic."""
    return work_of(kinds(request), traffic(rate=rate, prompt=prompt).analytic, request)


def test_the_fleet_is_large_enough_and_not_larger() -> None:
    request = asked()
    given = work(request, rate=200.0)
    found = mix(given, request, 1.0)
    assert found is not None
    assert found.counts == (int(np.ceil(given.alone(0))),)
    assert utilisation(given, found.counts) <= 1.0


def test_less_use_takes_more_replicas() -> None:
    request = asked()
    given = work(request, rate=200.0)
    full, half = mix(given, request, 1.0), mix(given, request, 0.5)
    assert full is not None
    assert half is not None
    assert half.counts[0] >= 2 * full.counts[0] - 1


def test_every_slice_is_carried_whole() -> None:
    request = asked("h100-sxm", "l40s")
    found = mix(work(request), request, 0.8)
    assert found is not None
    assert found.shares.sum(axis=0) == pytest.approx(1.0)


def test_the_mix_is_the_cheapest_of_all_counts() -> None:
    request = asked("h100-sxm", "a100-80", "l40s")
    given = work(request, rate=100.0)
    found = mix(given, request, 0.9)
    assert found is not None
    costs = [hourly(kind, request) for kind in given.kinds]
    best = min(
        float(np.dot(costs, counts))
        for counts in product(range(8), repeat=3)
        if any(counts) and utilisation(given, counts) <= 0.9 + 1e-9
    )
    assert float(np.dot(costs, found.counts)) == pytest.approx(best, rel=0.003)


def test_the_inventory_is_kept_and_the_rest_comes_from_another_gpu() -> None:
    request = asked(offers=(offer("h100-sxm", count=2), offer("a100-80")))
    found = mix(work(request, rate=200.0), request, 0.8)
    assert found is not None
    assert found.counts[0] <= 2
    assert found.counts[1] > 0


def test_too_small_an_inventory_has_no_mix_but_without_limits_there_is_one() -> None:
    request = asked(offers=(offer("h100-sxm", count=1),))
    given = work(request, rate=400.0)
    assert mix(given, request, 0.8) is None
    free = mix(given, request, 0.8, limited=False)
    assert free is not None
    (said,) = broken(free.counts, given.kinds, request)
    assert said.endswith("and there are 1")


def test_a_power_cap_is_kept() -> None:
    request = asked("h100-sxm", limits=Limits(most_watts=700.0))
    assert mix(work(request, rate=400.0), request, 0.8) is None
    assert mix(work(request, rate=10.0), request, 0.8) is not None


def test_a_cap_on_dollars_is_kept() -> None:
    request = asked("h100-sxm", limits=Limits(most_usd_per_hour=5.0))
    assert mix(work(request, rate=400.0), request, 0.8) is None
    assert most_of(kinds(request)[0], request) == 1


def test_what_a_fleet_breaks_is_said_with_both_figures() -> None:
    request = asked(offers=(offer(count=1),), limits=Limits(most_watts=1000.0, most_usd_per_hour=5.0))
    watts, usd, gpus = broken((2,), kinds(request), request)
    assert watts == "its GPUs may draw 1.4 kW and the cap is 1.0 kW"
    assert usd == "it costs $9.00 an hour and the cap is $5.00"
    assert gpus == "it takes 2 × h100-sxm and there are 1"
    assert broken((1,), kinds(request), request) == []


def test_few_requests_may_be_late_but_no_more_than_the_percentile_allows() -> None:
    tight = SloClass(ttft=Deadline(seconds=0.35, percentile=90.0))
    request = asked("l4", "h100-sxm", classes=(tight,))
    given = work(request, rate=20.0, prompt=1500)
    found = mix(given, request, 0.9)
    assert found is not None
    assert (found.shares * given.late).sum() <= given.allowed[0] + 1e-9


def test_no_replicas_cannot_serve() -> None:
    request = asked()
    assert utilisation(work(request), (0,)) == inf


def test_more_replicas_are_less_busy() -> None:
    request = asked("h100-sxm", "l40s")
    given = work(request)
    assert utilisation(given, (2, 1)) < utilisation(given, (1, 1)) < utilisation(given, (1, 0))


def test_work_scales_with_rate_and_correction() -> None:
    request = asked("h100-sxm", "l40s")
    given = work(request)
    assert given.at_rate(2.0).alone(0) == pytest.approx(2.0 * given.alone(0))
    assert given.scaled(np.array([1.0, 3.0])).alone(1) == pytest.approx(3.0 * given.alone(1))
    assert given.only([1]).alone(0) == given.alone(1)


def test_requests_that_do_not_fit_are_never_carried() -> None:
    request = asked("l4", "h100-sxm", classes=(SloClass(ttft=Deadline(seconds=60.0)),))
    given = work(request, rate=5.0, prompt=30_000)
    assert np.isinf(given.seconds[0]).any()
    found = mix(given, request, 0.9)
    assert found is not None
    assert found.shares[0][np.isinf(given.seconds[0])].max() <= 1e-9


def test_energy_counts_watts_rather_than_dollars() -> None:
    request = asked()
    (one,) = kinds(request)
    assert hourly(one, request) == one.usd_per_hour
    from sims.plan.asked import ENERGY

    assert hourly(one, replace(request, objective=ENERGY)) == pytest.approx(one.watts / 1000.0)


def test_without_scipy_the_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("scipy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(NoPlan, match=r"pip install 'weir\[plan\]'"):
        scipy_or_say()
