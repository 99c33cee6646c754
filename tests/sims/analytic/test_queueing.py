"""Erlang's formulas against plain sums, and waits against exact results and a simulated queue."""

import heapq
from math import exp, factorial, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.analytic.queueing import ENDLESS, NONE, Wait, erlang_b, erlang_c, even_service, queue

servers = st.integers(1, 60)
shares = st.floats(0.01, 0.99)


def plain_b(count: int, load: float) -> float:
    terms = [load**k / factorial(k) for k in range(count + 1)]
    return terms[-1] / sum(terms)


def recursive_b(count: int, load: float) -> float:
    blocked = 1.0
    for k in range(1, count + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


@given(servers, st.floats(0.01, 100.0))
def test_blocking_is_erlangs_sum(count: int, load: float) -> None:
    assert erlang_b(count, load) == pytest.approx(plain_b(count, load), rel=1e-9)


@pytest.mark.parametrize("load", [50_000.0, 99_000.0, 100_000.0, 150_000.0])
def test_a_hundred_thousand_servers_agree_with_the_recursion(load: float) -> None:
    assert erlang_b(100_000, load) == pytest.approx(recursive_b(100_000, load), rel=1e-6, abs=1e-300)


def test_no_load_blocks_nobody_and_no_server_blocks_everybody() -> None:
    assert erlang_b(3, 0.0) == 0.0
    assert erlang_b(0, 0.0) == 1.0
    assert erlang_b(0, 2.0) == 1.0
    assert erlang_c(0, 0.0) == 0.0


@pytest.mark.parametrize(("count", "load"), [(-1, 1.0), (1, -1.0), (1, float("nan")), (10**9, 1.0)])
def test_senseless_servers_and_loads_are_refused(count: int, load: float) -> None:
    with pytest.raises(ValueError, match="load 0 or more"):
        erlang_b(count, load)


@given(shares)
def test_one_server_makes_its_utilisation_wait(share: float) -> None:
    assert erlang_c(1, share) == pytest.approx(share)


@given(servers, shares)
def test_more_servers_at_the_same_utilisation_make_fewer_wait(count: int, share: float) -> None:
    assert erlang_c(count + 1, share * (count + 1)) <= erlang_c(count, share * count) + 1e-12


@given(servers, st.floats(1.0, 3.0))
def test_everybody_waits_once_the_load_is_what_the_servers_can_do(count: int, over: float) -> None:
    assert erlang_c(count, over * count) == 1.0
    assert queue(count, over * count, 1.0) == ENDLESS


@given(servers, shares)
def test_exponential_service_is_exact(count: int, share: float) -> None:
    wait = queue(count, share * count / 2.0, 2.0)
    assert wait.probability == pytest.approx(erlang_c(count, share * count))
    assert wait.mean_s == pytest.approx(2.0 / (count - share * count))


@given(shares, st.floats(0.0, 5.0))
def test_one_server_is_pollaczek_khinchine(share: float, cv2: float) -> None:
    wait = queue(1, share, 1.0, service_cv2=cv2)
    assert wait.overall_s == pytest.approx(share * (1.0 + cv2) / 2.0 / (1.0 - share))


@given(servers, shares)
def test_even_service_waits_between_half_and_all_of_exponential(count: int, share: float) -> None:
    assert 0.5 <= even_service(count, share) <= 1.0
    assert queue(count, share * count, 1.0, service_cv2=0.0).overall_s <= queue(count, share * count, 1.0).overall_s


@given(servers, shares, st.floats(0.0, 4.0), st.floats(0.0, 4.0))
def test_more_variation_never_shortens_the_wait(count: int, share: float, cv2: float, more: float) -> None:
    rate = share * count
    assert (
        queue(count, rate, 1.0, service_cv2=cv2).overall_s
        <= queue(count, rate, 1.0, service_cv2=cv2 + more).overall_s * 1.0001
    )


@given(servers, shares, st.floats(0.1, 9.0), st.floats(0.1, 9.0))
def test_other_arrivals_take_allen_and_cunneen(count: int, share: float, service: float, arrival: float) -> None:
    exponential = queue(count, share * count, 1.0)
    wait = queue(count, share * count, 1.0, service_cv2=service, arrival_cv2=arrival, interpolated=False)
    assert wait.mean_s == pytest.approx(exponential.mean_s * (service + arrival) / 2.0)


def simulated(count: int, rate: float, cv2: float, customers: int) -> float:
    rng = np.random.default_rng(7)
    shape = 1.0 / cv2 if cv2 else 0.0
    times = rng.gamma(shape, cv2, customers) if cv2 else np.ones(customers)
    free, now, waited = [0.0] * count, 0.0, 0.0
    for gap, service in zip(rng.exponential(1.0 / rate, customers).tolist(), times.tolist(), strict=True):
        now += gap
        begin = max(now, heapq.heappop(free))
        waited += begin - now
        heapq.heappush(free, begin + service)
    return waited / customers


@pytest.mark.parametrize("cv2", [0.0, 0.4, 1.0, 2.5])
def test_a_simulated_queue_waits_as_long(cv2: float) -> None:
    assert queue(6, 4.8, 1.0, service_cv2=cv2).overall_s == pytest.approx(simulated(6, 4.8, cv2, 150_000), rel=0.08)


@given(st.floats(0.0, 1.0), st.floats(0.001, 10.0), st.floats(0.5, 0.999))
def test_the_quantile_is_where_the_tail_is_what_is_left(probability: float, mean_s: float, share: float) -> None:
    wait = Wait(probability=probability, mean_s=mean_s)
    seconds = wait.quantile(share)
    assert wait.exceeds(seconds) <= 1.0 - share + 1e-9
    assert seconds == 0.0 or wait.exceeds(seconds) == pytest.approx(1.0 - share)


def test_a_wait_is_none_or_endless_at_the_ends() -> None:
    assert NONE.overall_s == NONE.quantile(0.99) == NONE.exceeds(0.0) == 0.0
    assert ENDLESS.quantile(0.5) == inf
    assert ENDLESS.exceeds(1e9) == 1.0
    assert queue(4, 0.0, 1.0) == NONE


def test_the_tail_falls_exponentially() -> None:
    wait = queue(1, 0.5, 1.0)
    assert wait.exceeds(3.0) == pytest.approx(0.5 * exp(-1.5))
    assert wait.quantile(0.99) == pytest.approx(2.0 * log(50.0))
