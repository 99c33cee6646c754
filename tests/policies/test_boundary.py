"""Two pools by length: who goes where, and when somebody goes to the other side all the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.boundary import HIDDEN, ROOM, bounded, fence, in_time, squeezed_tokens, unfence
from policies.cached import nothing_cached
from policies.fleet import BOUND_TOKENS, Fleet, Replica
from policies.native.routes import NativeRoute
from policies.perf.profiles import latency_model
from policies.policy import ROUTES, routing
from policies.request import Ask

H100 = latency_model("h100-sxm", "llama-3.1-8b")
POLICY = routing("shortest_ttft")


def fleet(*bounds: float) -> Fleet:
    """Ready replicas alike with these bounds."""
    made = Fleet(len(bounds))
    for i, bound in enumerate(bounds):
        made.add(Replica(name=f"r{i}", address="h:1", pool=f"p{i}", model="m", gpu="h100-sxm", perf=H100))
        made.columns.ready[i], made.columns.bound_tokens[i] = 1.0, bound
    return made


def asked(tokens: float, ttft_s: float = 2.0, coin: float = 1.0, model: float = 0.0) -> Ask:
    """A request of so many tokens."""
    return Ask(coin, 0.0, model, tokens, 0.0, 100.0, ttft_s, 0.1)


def chosen(of: Fleet, ask: Ask, name: str = "shortest_ttft") -> int:
    """The row that a policy answers behind the fence."""
    policy = routing(name)
    kernel = bounded(type(policy).kernel)
    return int(kernel(ask, of.table, nothing_cached(len(of)), policy.settings(), 0.0)[0])


@pytest.mark.parametrize("tokens", [1.0, 4096.0])
def test_a_prompt_up_to_the_boundary_goes_to_the_short_pool(tokens: float) -> None:
    for coin in range(20):
        assert chosen(fleet(4096.0, -4096.0), asked(tokens, coin=float(coin))) == 0


def test_a_longer_one_goes_to_the_long_pool() -> None:
    assert {chosen(fleet(4096.0, -4096.0), asked(4097.0, coin=float(coin))) for coin in range(20)} == {1}


def test_without_a_boundary_it_goes_where_the_policy_says() -> None:
    assert {chosen(fleet(0.0, 0.0), asked(5000.0, coin=float(coin)), "random") for coin in range(30)} == {0, 1}


def test_where_nobody_is_ready_on_its_side_it_goes_to_the_other() -> None:
    of = fleet(4096.0, -4096.0)
    of.columns.ready[1] = 0.0
    assert chosen(of, asked(9000.0)) == 0


def test_whoever_would_be_late_on_its_side_and_in_time_beyond_goes_there() -> None:
    of = fleet(4096.0, -4096.0)
    of.columns.queued_tokens[0] = 500_000.0
    of.columns.waiting[0] = 50.0
    assert not in_time(asked(1000.0), of.table, nothing_cached(2), 0)
    assert chosen(of, asked(1000.0)) == 1


def test_whoever_would_be_late_everywhere_stays_on_its_side() -> None:
    of = fleet(4096.0, -4096.0)
    of.columns.queued_tokens[:] = 500_000.0
    of.columns.waiting[:] = (50.0, 40.0)
    assert chosen(of, asked(1000.0)) == 0


def test_another_model_s_boundary_is_none_of_its_business() -> None:
    of = fleet(4096.0, -4096.0)
    assert fence(asked(9000.0, model=1.0), of.table) == 0


@given(st.lists(st.sampled_from([0.0, 256.0, -256.0, 4096.0, -4096.0]), max_size=6), st.floats(1.0, 10_000.0))
def test_the_table_is_as_it_was_afterwards(bounds: list[float], tokens: float) -> None:
    of = fleet(*bounds)
    before = of.table.copy()
    hidden = fence(asked(tokens), of.table)
    assert int((of.columns.ready == HIDDEN).sum()) == hidden
    unfence(of.table)
    assert np.array_equal(before, of.table)
    row = chosen(of, asked(tokens))
    assert np.array_equal(before, of.table)
    assert (row >= 0) == bool(bounds)


def test_plain_and_compiled_choose_alike_behind_the_fence() -> None:
    draws = np.random.default_rng(7)
    for name in ROUTES.names():
        of = fleet(*[float(bound) for bound in draws.choice([0.0, 2000.0, -2000.0], 5)])
        native = NativeRoute(routing(name), of)
        for _ in range(40):
            of.columns.queued_tokens[:] = draws.choice([0.0, 1000.0, 300_000.0], 5)
            of.columns.waiting[:] = draws.integers(0, 40, 5)
            ask = asked(float(draws.integers(1, 6000)), coin=float(draws.integers(1 << 30)))
            assert native.choose(ask, 0.0) == chosen(of, ask, name), name


@given(st.floats(1.0, 1e6), st.floats(16.0, 1e5), st.floats(1.0, 4.0))
def test_only_prompts_a_little_too_long_are_compressed_and_then_they_fit(
    tokens: float, boundary: float, gamma: float
) -> None:
    left = squeezed_tokens(tokens, boundary, gamma)
    if boundary < tokens <= gamma * boundary:
        assert left == ROOM * boundary < boundary
    else:
        assert left == tokens


def test_a_decision_in_words_is_made_behind_the_fence_too() -> None:
    from policies.decision import Send
    from policies.request import Request

    of = fleet(4096.0, -4096.0)
    found = POLICY.decide(Request(id="r", model="m", ask=asked(9000.0)), of.table, nothing_cached(2), 0.0)
    assert isinstance(found, Send)
    assert found.prefill == 1
    assert of.table[0, BOUND_TOKENS] == 4096.0
