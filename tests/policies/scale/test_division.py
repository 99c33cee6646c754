"""What two pools need at any boundary: revealed by prices, bounded by sizes, indifferent to where the boundary was."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.perf.profiles import latency_model
from policies.scale.division import Division, Mixture, Pair, Side, kept
from policies.scale.lengths import CLASSES, EDGES, MIDDLES, class_of, counted
from policies.scale.needs import Deadlines
from policies.scale.scaling import PoolState

SHORT, LONG = latency_model("rtx-4090", "llama-3.1-8b"), latency_model("h100-sxm", "llama-3.1-8b")
PROMISED = Deadlines(ttft_s=5.0, tpot_s=0.1)
PAIRS = [Pair(edge, reach) for edge in range(16, 44, 3) for reach in range(3)]


def mixture(*parts: tuple[float, float], rate: float = 20.0) -> Mixture:
    """Shares of prompts of about so many tokens each, answers a quarter as long."""
    shares = np.zeros(CLASSES)
    for share, tokens in parts:
        shares[class_of(tokens)] += share
    return Mixture(rate=rate, shares=tuple((shares / shares.sum()).tolist()), answers=tuple(m / 4 for m in MIDDLES))


def division(mixed: Mixture, short_usd: float = 1.0, most: int = 99, compressible: float = 0.5) -> Division:
    """The two pools with that."""
    cheap = replace(SHORT, price_per_hour=short_usd)
    return Division(
        short=Side(perf=cheap, most=most), long=Side(perf=LONG, most=99), mixture=mixed, deadlines=PROMISED,
        compressible=compressible,
    )  # fmt: skip


MIXTURES = st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(20.0, 40_000.0)), min_size=1, max_size=4).map(
    lambda parts: mixture(*parts)
)


@settings(max_examples=25, deadline=None)
@given(MIXTURES, st.floats(0.2, 4.0), st.floats(1.0, 4.0))
def test_dearer_short_replicas_are_never_more_of_them(mixed: Mixture, usd: float, times: float) -> None:
    before, after = (division(mixed, each).best(iter(PAIRS)) for each in (usd, usd * times))
    assert after.short <= before.short + 1e-9


def test_the_best_is_the_least_of_all_and_of_equals_the_lowest() -> None:
    of = division(mixture((0.9, 300.0), (0.1, 9000.0)))
    best = of.best(iter(PAIRS))
    assert best.cost == min(of.sized(pair).cost for pair in PAIRS)
    assert best.pair == min(pair for pair in PAIRS if of.sized(pair).cost == best.cost)


def test_prompts_that_a_short_replica_cannot_compute_in_time_are_none_of_its() -> None:
    of = division(mixture((0.5, 300.0), (0.5, 60_000.0)))
    assert of.sized(Pair(class_of(60_000.0), 0)).cost == inf
    assert of.sized(Pair(class_of(300.0), 0)).cost < inf


def test_what_may_be_compressed_leaves_the_long_pool() -> None:
    mixed = mixture((0.5, 1000.0), (0.5, 1800.0), rate=60.0)
    edge = class_of(1000.0)
    plain, squeezed = (division(mixed, compressible=share).sized(Pair(edge, 4)) for share in (0.0, 1.0))
    assert squeezed.long < plain.long
    assert squeezed.short >= plain.short


def test_replicas_that_there_cannot_be_make_a_boundary_dear() -> None:
    mixed, pair = mixture((1.0, 1000.0), rate=200.0), Pair(class_of(4000.0), 0)
    enough, few = division(mixed).sized(pair), division(mixed, most=1).sized(pair)
    assert few.usd_per_hour == enough.usd_per_hour
    assert few.cost > enough.cost


def test_a_pool_with_nothing_to_do_keeps_its_least() -> None:
    sized = division(mixture((1.0, 100.0))).sized(Pair(class_of(200.0), 0))
    assert sized.long == 1.0
    assert kept(0.2, 1) == 1.0
    assert kept(3.2, 1) == pytest.approx(4.0, abs=0.5)


def states(edge: float, prompts: np.ndarray) -> list[list[PoolState]]:
    """What either pool says of the same requests, divided somewhere; answers are a quarter of prompts."""
    found = []
    for part in (prompts[prompts <= edge], prompts[prompts > edge]):
        tokens = np.bincount([class_of(p) for p in part], part / 4, minlength=CLASSES)
        found.append([
            PoolState(
                pool="p", at=0.0, ready=1, starting=0, draining=0, most=9, running=0.0, waiting=0.0, held=0.0, slots=1,
                kv_share=0.0, arrived=len(part), ended=len(part), lengths=counted(part), answered=counted(part),
                answer_tokens=tuple(tokens.tolist()),
            )
        ])  # fmt: skip
    return found


def test_what_is_known_of_the_mix_does_not_depend_on_where_the_boundary_was() -> None:
    prompts = np.random.default_rng(3).lognormal(7.0, 1.2, 2000)
    low, high = (Mixture.of(states(edge, prompts), 60.0) for edge in (256.0, 8192.0))
    assert low is not None
    assert low == high
    assert low.rate == pytest.approx(2000 / 60.0)
    seen = [i for i in range(CLASSES) if low.shares[i] > 0.05]
    assert all(low.answers[i] == pytest.approx(MIDDLES[i] / 4, rel=0.15) for i in seen)


def test_of_too_few_requests_nothing_is_known() -> None:
    assert Mixture.of(states(256.0, np.full(10, 100.0)), 60.0) is None


def test_whoever_is_where_it_does_not_belong_counts_as_what_it_is() -> None:
    of, edge = division(mixture((0.9, 300.0), (0.1, 9000.0))), class_of(1000.0)
    belongs, strays = np.zeros(CLASSES), np.zeros(CLASSES)
    belongs[class_of(9000.0)] = strays[class_of(300.0)] = 1.0
    own = np.zeros(CLASSES)
    own[class_of(300.0)] = 1.0
    assert of.busy(Pair(edge, 0), (own, strays))[1] < of.busy(Pair(edge, 0), (own, belongs))[1]
    assert of.busy(Pair(edge, 0), (np.zeros(CLASSES), belongs))[0] == 0.0


def test_classes_of_length_are_quarters_of_an_octave() -> None:
    assert EDGES[4] == 2.0 * EDGES[0]
    assert [class_of(tokens) for tokens in (1.0, 16.0, 16.1, 1e9)] == [0, 0, 1, CLASSES - 1]
    assert counted(np.array([1, 16, 17, 10**9])).index(1) == 1
